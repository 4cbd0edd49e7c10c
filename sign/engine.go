//go:build containers_image_openpgp || bootloom_system_gpgme

package sign

import (
	"context"
	"errors"
	"fmt"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

// checkEngine returns nil: this program has the policy engine. The constraint of this file is the reason that the
// package builds without tags and without the headers of gpgme, which the engine links for GPG signatures unless it
// is told to use Go's openpgp.
func checkEngine() error { return nil }

// evaluate runs the policy engine on the image, with each of the policies, and on its instances if it is an index.
func evaluate(ctx context.Context, sys *types.SystemContext, named reference.Named, policies [][]byte) (err error) {
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
	ref, err := docker.NewReference(named)
	if err != nil {
		return err
	}
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return err
	}
	defer src.Close()

	top := image.UnparsedInstance(src, nil)
	if err := allowed(ctx, contexts, top); err != nil {
		return err
	}
	b, mediaType, err := top.Manifest(ctx)
	if err != nil {
		return err
	}
	if !manifest.MIMETypeIsMultiImage(manifest.NormalizedMIMEType(mediaType)) {
		return nil
	}
	index, err := manifest.ListFromBlob(b, mediaType)
	if err != nil {
		return err
	}
	for _, instance := range index.Instances() {
		if err := allowed(ctx, contexts, image.UnparsedInstance(src, &instance)); err != nil {
			return fmt.Errorf("instance %s: %w", instance, err)
		}
	}
	return nil
}

func allowed(ctx context.Context, contexts []*signature.PolicyContext, unparsed *image.UnparsedImage) error {
	for _, pc := range contexts {
		if ok, err := pc.IsRunningImageAllowed(ctx, unparsed); !ok {
			_, rejected := errors.AsType[signature.PolicyRequirementError](err)
			return classify(err, rejected)
		}
	}
	return nil
}
