package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// PublishArtifact publishes an artifact as Publish does an image: it pushes it by digest, has the Signer sign it and
// verify it, lists it with its subject where the registry does not do that itself, and sets the tags last. Without tags
// it is found by its digest, and from its subject. The same artifact gives the same digest, and what is there is not
// sent again.
//
// Mistakes in the Artifact, each a *bootc.FieldError, are found before anything is sent.
func (c Client) PublishArtifact(ctx context.Context, a Artifact, repository string, o PublishOptions) (Published, error) {
	return c.publishArtifacts(ctx, []Artifact{a}, repository, o, false)
}

// PublishArtifactIndex publishes artifacts for several platforms, or of several types, under one name: each one by
// digest, then an OCI index of them in the order given, which is what the tags get. No two may have the same Type and
// Platform.
func (c Client) PublishArtifactIndex(ctx context.Context, artifacts []Artifact, repository string, o PublishOptions) (Published, error) {
	return c.publishArtifacts(ctx, artifacts, repository, o, true)
}

func (c Client) publishArtifacts(ctx context.Context, artifacts []Artifact, repository string, o PublishOptions, indexed bool) (Published, error) {
	r, err := o.check(repository)
	errs := []error{err}
	seen := map[string]int{}
	for i, a := range artifacts {
		at := fmt.Sprintf("Artifacts[%d]", i)
		if !indexed {
			at = "Artifact"
		}
		errs = append(errs, a.check(at))
		key := a.Type + " " + a.ConfigType + " " + a.Platform
		if j, ok := seen[key]; ok {
			errs = append(errs, fmt.Errorf("artifacts %d and %d are both %s for %q", j, i, a.Type, a.Platform))
		}
		seen[key] = i
	}
	if len(artifacts) == 0 {
		errs = append(errs, errors.New("no artifacts for the index"))
	}
	if err := errors.Join(errs...); err != nil {
		return Published{}, opError("publish", repository, err)
	}
	s, err := c.session()
	if err != nil {
		return Published{}, opError("publish", repository, err)
	}
	defer s.close()
	p, err := s.pushArtifacts(ctx, artifacts, r, indexed)
	if err != nil {
		return p.Published, err
	}
	return s.release(ctx, p, r, o)
}

// pushArtifacts pushes artifacts, and an index of them, by digest.
func (s *session) pushArtifacts(ctx context.Context, artifacts []Artifact, r ref, indexed bool) (p pushed, err error) {
	p.Repository = r.repository()
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	to, err := s.repo(ctx, r)
	if err != nil {
		return p, opError("publish", p.Repository, err)
	}
	for _, a := range artifacts {
		m, blobs, err := s.artifact(ctx, a)
		if err != nil {
			return p, opError("push", p.Repository, err)
		}
		err = s.step("push", p.Repository, func() error {
			t := &transfer{session: s, from: blobs, to: to, done: map[digest.Digest]bool{}, mount: func(context.Context) *repo { return nil }}
			err := t.image(ctx, m, 0)
			p.add(t)
			return err
		})
		if err != nil {
			return p, opError("push", p.Repository, err)
		}
		p.is(m)
		d := v1.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Data)), ArtifactType: a.Type}
		if a.Platform != "" {
			platform, err := parsePlatform(a.Platform)
			if err != nil {
				return p, opError("push", p.Repository, err)
			}
			d.Platform = &platform
		}
		index.Manifests = append(index.Manifests, d)
	}
	if !indexed {
		return p, nil
	}
	data, err := json.Marshal(index)
	if err != nil {
		return p, opError("push", p.Repository, err)
	}
	m := NewManifest(index.MediaType, data)
	p.is(m)
	return p, opError("push", p.Reference(), to.putManifest(ctx, "push", m.Digest.String(), m))
}
