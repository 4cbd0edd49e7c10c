//go:build containers_image_openpgp || bootloom_system_gpgme

package sign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

// checkEngine returns nil: this program has the policy engine. The constraint of this file is the reason that the
// package builds without tags and without the headers of gpgme, which the engine links for GPG signatures unless it
// is told to use Go's openpgp.
func checkEngine() error { return nil }

// evaluate runs the policy engine with each of the policies on the manifests of an image, of which the first is what the image's
// name stands for.
func evaluate(ctx context.Context, tempDir string, named reference.Named, manifests []signed, policies [][]byte) (err error) {
	var contexts []*signature.PolicyContext
	defer func() {
		for _, pc := range contexts {
			err = errors.Join(err, pc.Destroy())
		}
	}()
	for _, text := range policies {
		policy, err := signature.NewPolicyFromBytes(text)
		if err != nil {
			return err
		}
		pc, err := signature.NewPolicyContext(policy)
		if err != nil {
			return err
		}
		pc.RequireSignatureVerification(true)
		contexts = append(contexts, pc)
	}
	for i, m := range manifests {
		err := m.allowed(ctx, tempDir, named, contexts)
		if err != nil && i > 0 {
			return fmt.Errorf("instance %s: %w", m.Digest, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// allowed asks whether the manifest is allowed as an image of that name.
func (s signed) allowed(ctx context.Context, tempDir string, named reference.Named, contexts []*signature.PolicyContext) error {
	dir, err := os.MkdirTemp(tempDir, "bootloom-signed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := s.write(dir); err != nil {
		return err
	}
	at, err := directory.NewReference(dir)
	if err != nil {
		return err
	}
	src, err := at.NewImageSource(ctx, nil)
	if err != nil {
		return err
	}
	defer src.Close()
	name, err := docker.NewReference(named)
	if err != nil {
		return err
	}
	unparsed := fetched{image.UnparsedInstance(src, nil), name}
	for _, pc := range contexts {
		if ok, err := pc.IsRunningImageAllowed(ctx, unparsed); !ok {
			_, rejected := errors.AsType[signature.PolicyRequirementError](err)
			return classify(err, rejected)
		}
	}
	return nil
}

// fetched is an image in a directory under the name that it has in its registry.
type fetched struct {
	*image.UnparsedImage
	name types.ImageReference
}

func (f fetched) Reference() types.ImageReference { return f.name }

// write puts the manifest and its signatures into a directory of containers/image's transport dir. It is the one from which
// that takes signatures of sigstore without a registry; their format is that of its internal/signature.
func (s signed) write(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), s.Data, 0o600); err != nil {
		return err
	}
	for i, a := range s.attached {
		b, err := json.Marshal(struct {
			MediaType   string            `json:"mimeType"`
			Payload     []byte            `json:"payload"`
			Annotations map[string]string `json:"annotations"`
		}{a.mediaType, a.payload, a.annotations})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("signature-%d", i+1)), append([]byte("\x00sigstore-json\n"), b...), 0o600); err != nil {
			return err
		}
	}
	return nil
}
