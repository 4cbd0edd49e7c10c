package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// PublishIndex publishes images for several platforms under one name, as Publish does for one image: it pushes each
// image by digest, then an OCI index of them in the order given, has index and instances signed and verified, and sets
// the tags last. Each image needs a Platform that no other has, and may not be an index itself. The same images give
// the same index.
func (c Client) PublishIndex(ctx context.Context, images []bootc.Image, repository string, o PublishOptions) (Published, error) {
	r, err := o.check(repository)
	platforms, platformErr := platformsOf(images)
	if err := errors.Join(err, platformErr); err != nil {
		return Published{}, opError("publish", repository, err)
	}
	s, err := c.session()
	if err != nil {
		return Published{}, opError("publish", repository, err)
	}
	defer s.close()
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	p := pushed{Published: Published{Repository: r.repository()}}
	to, err := s.repo(ctx, r)
	if err != nil {
		return p.Published, opError("publish", repository, err)
	}
	for i, img := range images {
		one, err := s.push(ctx, img, r)
		if err != nil {
			return p.Published, err
		}
		p.Uploaded += one.Uploaded
		p.referrers = append(p.referrers, one.referrers...)
		m := one.manifest
		if m.IsIndex() {
			return p.Published, opError("push", repository, fmt.Errorf("image %d, %s, is an index: want the image of one platform", i, one.Digest))
		}
		index.Manifests = append(index.Manifests, v1.Descriptor{
			MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Data)), Platform: &platforms[i],
		})
	}
	data, err := json.Marshal(index)
	if err != nil {
		return p.Published, opError("push", repository, err)
	}
	m := NewManifest(index.MediaType, data)
	p.is(m)
	if err := to.putManifest(ctx, "push", m.Digest.String(), m); err != nil {
		return p.Published, opError("push", p.Reference(), err)
	}
	return s.release(ctx, p, r, o)
}

// platformsOf returns the platforms of images, or what is wrong with them.
func platformsOf(images []bootc.Image) ([]v1.Platform, error) {
	if len(images) == 0 {
		return nil, errors.New("no images for the index")
	}
	var (
		out  []v1.Platform
		errs []error
		seen = map[string]int{}
	)
	for i, img := range images {
		p, err := parsePlatform(img.Platform)
		if err != nil {
			errs = append(errs, fmt.Errorf("image %d: %w", i, err))
			continue
		}
		key := formatPlatform(normal(p))
		if j, ok := seen[key]; ok {
			errs = append(errs, fmt.Errorf("images %d and %d are both for %s", j, i, key))
		}
		seen[key] = i
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}
