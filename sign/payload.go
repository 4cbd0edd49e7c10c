package sign

import (
	"encoding/json"

	"github.com/opencontainers/go-digest"
)

// payload is what is signed: "simple signing" with cosign's type, as cosign's specs/SIGNATURE_SPEC.md and
// containers/image's docs/containers-signature.5.md describe it.
type payload struct {
	Critical critical `json:"critical"`
	// Optional is written as null, as cosign does: with neither a time nor a version in it, signing the same image
	// under the same name again gives the same payload, and a repetition can be seen for one.
	Optional *struct{} `json:"optional"`
}

type critical struct {
	Identity struct {
		DockerReference string `json:"docker-reference"`
	} `json:"identity"`
	Image struct {
		Digest digest.Digest `json:"docker-manifest-digest"`
	} `json:"image"`
	Type string `json:"type"`
}

// newPayload returns the bytes to sign: manifest d is the image called name.
func newPayload(name string, d digest.Digest) ([]byte, error) {
	var p payload
	p.Critical.Identity.DockerReference = name
	p.Critical.Image.Digest = d
	p.Critical.Type = "cosign container image signature"
	return json.Marshal(p)
}
