package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// CopyOptions are the options of Copy.
type CopyOptions struct {
	// Signatures copies what cosign and podman attach to the image and to each instance of an index by tag: signatures,
	// attestations and SBOMs. A signature names the repository it was made for, so a device's policy takes it in
	// another one only if it maps the names (remapIdentity) or does not ask.
	Signatures bool
	// Referrers copies what names the image, or an instance of an index, as its subject: disk images, SBOMs, bundles. With
	// Signatures it copies their signatures too.
	Referrers bool
}

// Copy copies an image, or an index with all its instances, from one repository to another, byte for byte, without a
// stop on disk. to is registry/repository[:tag]; the tag is set last, and without one the image is there by digest
// only. Within one registry no blob passes through here.
func (c Client) Copy(ctx context.Context, from, to string, o CopyOptions) (Published, error) {
	src, err := parseImage(from)
	if err != nil {
		return Published{}, opError("copy", from, err)
	}
	dst, err := parse(to)
	if err == nil && dst.digest != "" {
		err = fmt.Errorf("%w %q: the digest is the source's: want registry/repository[:tag]", ErrInvalidReference, clip(to))
	}
	if err != nil {
		return Published{}, opError("copy", to, err)
	}
	s, err := c.session()
	if err != nil {
		return Published{}, opError("copy", from, err)
	}
	defer s.close()
	var p Published
	err = s.step("copy", from, func() error {
		p, err = s.copy(ctx, src, dst, o)
		return err
	})
	return p, opError("copy", from+" to "+to, err)
}

func (s *session) copy(ctx context.Context, src, dst ref, o CopyOptions) (p Published, err error) {
	p.Repository = dst.repository()
	in, err := s.repo(ctx, src)
	if err != nil {
		return p, err
	}
	out, err := s.repo(ctx, dst)
	if err != nil {
		return p, err
	}
	m, err := in.manifest(ctx, src.target())
	if err != nil {
		return p, err
	}
	p.Digest, p.MediaType = m.Digest, m.MediaType
	t := &transfer{session: s, from: in, to: out, done: map[digest.Digest]bool{}, mount: func(context.Context) *repo { return in }}
	defer func() { p.Uploaded = t.uploaded.Load() }()
	if err := t.image(ctx, m, 0); err != nil {
		return p, err
	}
	if err := t.belongings(ctx, in, m, o, map[digest.Digest]bool{}); err != nil {
		return p, err
	}
	if err := s.refer(ctx, dst, t.referrers); err != nil {
		return p, err
	}
	if dst.tag == "" {
		return p, nil
	}
	if err := out.putManifest(ctx, "tag", dst.tag, m); err != nil {
		return p, err
	}
	p.Tags = []string{dst.tag}
	return p, nil
}

// belongings copies what belongs to m and its instances, and to what belongs to them.
func (t *transfer) belongings(ctx context.Context, in *repo, m Manifest, o CopyOptions, seen map[digest.Digest]bool) error {
	manifests, _, err := children(m)
	if err != nil {
		return err
	}
	digests := []digest.Digest{m.Digest}
	for _, d := range manifests {
		digests = append(digests, d.Digest)
	}
	slices.Sort(digests)
	for _, d := range digests {
		if seen[d] {
			continue
		}
		seen[d] = true
		if o.Signatures {
			if err := t.attached(ctx, in, d); err != nil {
				return err
			}
		}
		if o.Referrers {
			if err := t.referring(ctx, in, d, o, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// attached copies what hangs on d by tag.
func (t *transfer) attached(ctx context.Context, in *repo, d digest.Digest) error {
	for _, kind := range []string{".sig", ".att", ".sbom"} {
		tag := strings.Replace(d.String(), ":", "-", 1) + kind
		sig, err := in.manifest(ctx, tag)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err == nil {
			err = t.image(ctx, sig, 0)
		}
		if err == nil {
			err = t.to.putManifest(ctx, "copy", tag, sig)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", tag, err)
		}
	}
	return nil
}

// referring copies what names d as its subject.
func (t *transfer) referring(ctx context.Context, in *repo, d digest.Digest, o CopyOptions, seen map[digest.Digest]bool) error {
	list, _, err := in.listed(ctx, d)
	if err != nil {
		return err
	}
	for _, entry := range list {
		r, err := in.referrer(ctx, d, entry, "")
		if err != nil {
			return err
		}
		if r == nil {
			continue
		}
		m, err := in.manifest(ctx, r.Digest.String())
		if err == nil {
			err = t.image(ctx, m, 0)
		}
		if err == nil {
			err = t.belongings(ctx, in, m, o, seen)
		}
		if err != nil {
			return fmt.Errorf("referrer %s of %s: %w", r.Digest, d, err)
		}
	}
	return nil
}
