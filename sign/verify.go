package sign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"go.podman.io/image/v5/docker/reference"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// Verify fails unless a device with this policy, and nothing else configured, would accept the image ref,
// "repository:tag" or "repository@digest". It runs the policy engine of podman, skopeo and bootc on the files that go
// into the image, relocated to a temporary directory. Of an index it checks the index, which bootc may ask about, and
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
	dir, err := os.MkdirTemp(client.TempDir, "bootloom-policy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var texts [][]byte
	for i, p := range policies {
		text, err := p.relocate(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	sys, cleanup, err := client.System()
	if err != nil {
		return err
	}
	defer cleanup()
	// The policies of one call differ in the accepted names alone, so that one registries.d does for all. Signatures that
	// this machine keeps in a store of its own must not count: a device does not have them.
	sys.RegistriesDirPath = filepath.Join(dir, "0", filepath.FromSlash(registriesDir))
	nowhere := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, "nowhere"))}
	if err := os.MkdirAll(sys.RegistriesDirPath, 0o700); err != nil { // a policy without keys has no files there
		return err
	}
	if err := os.WriteFile(filepath.Join(sys.RegistriesDirPath, "=.yaml"), []byte("default-docker:\n  lookaside: "+nowhere.String()+"\n"), 0o600); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := evaluate(ctx, sys, named, texts)
		if err == nil || errors.Is(err, ErrRejected) || attempt == attempts {
			return err
		}
		// The engine has connections of its own, which know neither our retries nor our errors. So ask for the image in
		// our way: either that tells what is wrong, or it was something passing.
		if _, clientErr := client.GetManifest(ctx, ref); clientErr != nil {
			return clientErr
		}
	}
}

// relocate writes the policy's files below root and returns its policy.json with the keys' new places.
func (p DevicePolicy) relocate(root string) ([]byte, error) {
	entries, err := p.Files(noFiles{})
	if err != nil {
		return nil, err
	}
	place := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	for _, e := range entries {
		b, err := e.Content.ReadAll()
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(place(e.Path)), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(place(e.Path), b, 0o600); err != nil {
			return nil, err
		}
	}
	b, err := os.ReadFile(place(policyPath))
	if err != nil {
		return nil, err
	}
	moved, err := parsePolicy(b)
	if err != nil {
		return nil, err
	}
	for _, scopes := range moved.Transports {
		for scope, reqs := range scopes {
			for _, raw := range reqs {
				var q requirement
				if err := json.Unmarshal(raw, &q); err != nil {
					return nil, err
				}
				if q.KeyPath != "" {
					q.KeyPath = place(q.KeyPath)
				}
				for i := range q.KeyPaths {
					q.KeyPaths[i] = place(q.KeyPaths[i])
				}
				scopes[scope] = requirements(q) // rules of ours have one requirement each
			}
		}
	}
	return moved.marshal()
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
