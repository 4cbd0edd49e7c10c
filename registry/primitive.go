package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// GetManifest fetches a manifest or index by tag or digest, of at most 4 MiB, and checks it against the digest. It is
// meant for what is built on this package, such as signatures.
func (c Client) GetManifest(ctx context.Context, reference string) (m Manifest, err error) {
	err = c.read(ctx, "pull", reference, func(_ *session, p *repo, r ref) error {
		m, err = p.manifest(ctx, r.target())
		return err
	})
	return m, err
}

// PutManifest stores a manifest under a tag, or under its digest if the reference has no tag. What it refers to must be
// in the repository. It is meant for what is built on this package: images go by Publish, which does not tag what is
// not signed.
func (c Client) PutManifest(ctx context.Context, reference string, m Manifest) error {
	r, err := parse(reference)
	if err == nil && r.digest != "" && r.digest != m.Digest || err == nil && m.Digest.Validate() != nil {
		err = fmt.Errorf("%w: the manifest is %s", ErrDigestMismatch, m.Digest)
	}
	if err != nil {
		return opError("push", reference, err)
	}
	target := m.Digest.String()
	if r.digest == "" && r.tag != "" {
		target = r.tag
	}
	return c.read(ctx, "push", reference, func(_ *session, p *repo, _ ref) error { return p.putManifest(ctx, "push", target, m) })
}

// GetBlob fetches a blob, registry/repository@digest, that has at most so many bytes, and checks it against the digest.
func (c Client) GetBlob(ctx context.Context, reference string, most int64) (data []byte, err error) {
	err = c.read(ctx, "pull", reference, func(_ *session, p *repo, r ref) error {
		d, err := descriptor(r.digest.String())
		if err != nil {
			return err
		}
		// Its size is not known, so it cannot be read as one that is.
		b := &download{ctx: ctx, repo: p, d: d}
		if err := b.open(); err != nil {
			return err
		}
		defer b.Close()
		data, err = io.ReadAll(io.LimitReader(b, most+1))
		if err != nil {
			return err
		}
		if int64(len(data)) > most {
			return final("the blob has more than %d bytes", most)
		}
		if got := d.Digest.Algorithm().FromBytes(data); got != d.Digest {
			return fmt.Errorf("%w: the blob is %s", ErrDigestMismatch, got)
		}
		return nil
	})
	return data, err
}

// PutBlob stores a blob in a repository, and returns its descriptor for a manifest. A large one that is there is not sent
// again.
func (c Client) PutBlob(ctx context.Context, repository, mediaType string, data []byte) (v1.Descriptor, error) {
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	if _, err := parseRepository(repository); err != nil {
		return d, opError("push", repository, err)
	}
	return d, c.read(ctx, "push", repository, func(s *session, p *repo, _ ref) error {
		t := &transfer{session: s, from: bytesSource(data), to: p, done: map[digest.Digest]bool{}, mount: func(context.Context) *repo { return nil },
			blind: d.Size <= smallBlob}
		return t.blob(ctx, d)
	})
}

// smallBlob is the size up to which sending costs no more than asking.
const smallBlob = 4 << 10

// bytesSource is one blob in memory.
type bytesSource []byte

func (b bytesSource) blob(_ context.Context, _ v1.Descriptor, off int64) (io.ReadCloser, error) {
	return forward(io.NopCloser(bytes.NewReader(b)), off)
}

func (b bytesSource) manifest(context.Context, string) (Manifest, error) {
	return Manifest{}, ErrNotFound
}
