package sign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"go.podman.io/image/v5/docker/reference"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// Verify fails unless a device with this policy, and nothing else configured, would accept the image ref,
// "repository:tag" or "repository@digest". It runs the policy engine of podman, skopeo and bootc on the policy that goes
// into the image, with what the client finds in the registry now. Of an index it checks the index, which bootc may ask about, and
// every instance, of which podman checks the one for its platform.
//
// It proves the manifest, and so the digests of all blobs; the blobs themselves are compared when they are pulled. An
// image that the policy accepts without looking at a signature fails as well: there is nothing to verify.
//
// An image that is turned down gives an ErrRejected, and with it ErrNotSigned, ErrWrongKey, ErrWrongIdentity or
// ErrDigestMismatch where the engine says so much. Mistakes in the policy are *bootc.FieldError, trouble with the
// registry is what package registry has for it, and a program without the engine gets ErrNoPolicyEngine.
func (p DevicePolicy) Verify(ctx context.Context, client registry.Client, ref string) error {
	if err := verify(ctx, client, ref, p); err != nil {
		return &bootc.OpError{Op: "verify", Ref: ref, Err: err}
	}
	return nil
}

// verify evaluates policies, each for itself, on one image. All must accept it.
func verify(ctx context.Context, client registry.Client, ref string, policies ...DevicePolicy) error {
	if err := checkEngine(); err != nil {
		return err
	}
	named, err := parseRef(ref)
	if err != nil {
		return err
	}
	var texts [][]byte
	for _, p := range policies {
		text, err := p.standalone()
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	client, done, err := client.Keep()
	if err != nil {
		return err
	}
	defer done()
	manifests, err := fetchSigned(ctx, client, named)
	if err != nil {
		return err
	}
	return evaluate(ctx, client.TempDir, named, manifests, texts)
}

// standalone returns the policy.json that goes into the image with the keys in it, in place of their files.
func (p DevicePolicy) standalone() ([]byte, error) {
	entries, err := p.Files(noFiles{})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Path], err = e.Content.ReadAll(); err != nil {
			return nil, err
		}
	}
	out, err := parsePolicy(files["/"+policyPath])
	if err != nil {
		return nil, err
	}
	for _, scopes := range out.Transports {
		for scope, reqs := range scopes {
			for _, raw := range reqs {
				var q requirement
				if err := json.Unmarshal(raw, &q); err != nil {
					return nil, err
				}
				paths := q.KeyPaths
				if q.KeyPath != "" {
					paths = []string{q.KeyPath}
				}
				for _, path := range paths {
					q.KeyDatas = append(q.KeyDatas, files[path])
				}
				q.KeyPath, q.KeyPaths = "", nil
				scopes[scope] = requirements(q) // rules of ours have one requirement each
			}
		}
	}
	return out.marshal()
}

// noFiles is the root of a base without configuration.
type noFiles struct{}

func (noFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// parseRef reads "repository:tag" or "repository@digest". Nothing is guessed: "os" is not docker.io/library/os:latest.
func parseRef(ref string) (reference.Named, error) {
	named, err := reference.ParseNamed(ref)
	if errors.Is(err, reference.ErrNameNotCanonical) {
		return nil, fmt.Errorf("%q does not begin with a registry, such as quay.io/", ref)
	}
	if err != nil {
		return nil, err
	}
	if reference.IsNameOnly(named) {
		return nil, fmt.Errorf("%q has neither a tag nor a digest", ref)
	}
	return named, nil
}
