package bootc

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// transports are the prefixes by which containers-transports(5) tells a local image from one in a registry.
var transports = []string{"containers-storage", "dir", "docker-archive", "docker-daemon", "oci", "oci-archive"}

// splitRef tells the transport of a base reference from the rest: "docker" for an image in a registry.
func splitRef(ref string) (transport, rest string) {
	if rest, ok := strings.CutPrefix(ref, "docker://"); ok {
		return "docker", rest
	}
	if t, rest, ok := strings.Cut(ref, ":"); ok && slices.Contains(transports, t) {
		return t, rest
	}
	return "docker", ref
}

// checkRef refuses what no engine could resolve, and what each would resolve in its own way.
func checkRef(ref string) error {
	if ref == "" {
		return errors.New("is empty: name a bootable image, such as quay.io/centos-bootc/centos-bootc:stream10")
	}
	transport, rest := splitRef(ref)
	if strings.ContainsFunc(ref, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%q has control characters", ref)
	}
	if transport != "docker" {
		if rest == "" {
			return fmt.Errorf("%q names no image after the transport", ref)
		}
		return nil
	}
	parsed, err := reference.Parse(rest)
	if err != nil {
		return fmt.Errorf("%q: %w", ref, err)
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return fmt.Errorf("%q names no repository", ref)
	}
	if host := reference.Domain(named); !strings.ContainsAny(host, ".:") && host != "localhost" {
		return fmt.Errorf("%q does not name its registry: write it in full, such as docker.io/library/%s", ref, rest)
	}
	return nil
}

// From is what stands after FROM for this base. A base in a registry is repository@digest, or its reference as it
// is while the digest is unknown. FROM has no spelling that all builders read for a base elsewhere (oci:DIR, …):
// it gets the name localhost/bootloom/base with a tag made of its digest, or of its reference while the digest is
// unknown, and an engine imports it under that name before it builds.
func (b Base) From() string {
	transport, rest := splitRef(b.Ref)
	if transport != "docker" {
		_, id, known := strings.Cut(b.Digest.String(), ":")
		if !known {
			id = fmt.Sprintf("%x", sha256.Sum256([]byte(b.Ref)))
		}
		return "localhost/bootloom/base:" + id
	}
	if b.Digest == "" {
		return rest
	}
	return repository(rest) + "@" + b.Digest.String()
}

// Local says that the base is not in a registry, so that an engine has to import it under the name From.
func (b Base) Local() bool {
	transport, _ := splitRef(b.Ref)
	return transport != "docker"
}

// repository cuts tag and digest off.
func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		ref = ref[:colon]
	}
	return ref
}
