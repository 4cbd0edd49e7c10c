package registry

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// Reader reads one image where it lies, for what looks into images: its manifest and config are there, its layers are
// fetched when they are asked for. It may be used by several goroutines, until it is closed.
type Reader struct {
	// Info is what Inspect tells of the image. Repository is empty unless it is in a registry.
	Info
	// Manifest of the one image that was chosen, and ConfigData its image config, both byte for byte.
	Manifest   Manifest
	ConfigData []byte

	session *session
	from    source
}

// Open opens an image for reading. img may be no more than a Location: docker://REFERENCE, oci:DIR[:NAME] or
// oci-archive:FILE[:NAME]; a Location without a transport is a REFERENCE. From an index comes the image for the platform
// (os/arch[/variant]), empty for linux on this host's architecture. Blobs that are missing at img.Location come from
// img.BaseLocation.
func (c Client) Open(ctx context.Context, img bootc.Image, platform string) (*Reader, error) {
	s, err := c.session()
	if err != nil {
		return nil, opError("open", img.Location, err)
	}
	r := &Reader{session: s}
	if err := r.open(ctx, img, platform); err != nil {
		s.close()
		return nil, opError("open", img.Location, err)
	}
	return r, nil
}

func (r *Reader) open(ctx context.Context, img bootc.Image, platform string) error {
	where := img.Location
	if _, err := parseLocation(where); err != nil && !strings.Contains(where, "://") {
		where = "docker://" + where
	}
	from, base, err := r.session.locations(ctx, where, img.BaseLocation)
	if err != nil {
		return err
	}
	if repo, ok := from.(*repo); ok {
		r.Repository = repo.ref.repository()
	}
	r.from = &imageSource{from, func(context.Context) (source, error) { return base() }}
	m, err := locate(ctx, r.from, where, img.Digest)
	if err != nil {
		return err
	}
	r.Manifest, r.ConfigData, err = r.read(ctx, r.from, m, platform)
	return err
}

// Layer opens layer i as it is stored, compressed or not: Layers[i] says how. Its last bytes come only if all of them
// have the digest that the manifest lists.
func (r *Reader) Layer(ctx context.Context, i int) (io.ReadCloser, error) {
	l := r.Layers[i]
	d := v1.Descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size}
	b, err := r.from.blob(ctx, d, 0)
	if err != nil {
		return nil, opError("read", d.Digest.String(), err)
	}
	return struct {
		io.Reader
		io.Closer
	}{&metered{Reader: verify(b, d), session: r.session, op: "read", digest: d.Digest, size: d.Size}, b}, nil
}

// Close ends the use of the image's place.
func (r *Reader) Close() error {
	r.session.close()
	return nil
}

// locations opens the place of an image, and that of its base when it is first asked for.
func (s *session) locations(ctx context.Context, image, base string) (source, func() (source, error), error) {
	from, err := s.open(ctx, image)
	return from, sync.OnceValues(func() (source, error) {
		if base == "" {
			return nil, errors.New("the image does not say where its base is")
		}
		return s.open(ctx, base)
	}), err
}
