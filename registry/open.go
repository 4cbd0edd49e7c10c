package registry

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// Opened is an image that is read where it lies, piece by piece, without fetching what nobody asks for. lint.ImageSource is
// one. It may be used by several goroutines at once.
type Opened struct {
	// Info is what the manifest and config say.
	Info Info

	session  *session
	from     source
	manifest v1.Manifest
}

// Open reads manifest and config of an image, and opens its layers when they are asked for. The image may be one that was
// just built, or a Location alone: docker://REFERENCE, oci:DIR[:NAME], oci-archive:FILE[:NAME]. Blobs that are missing there
// come from BaseLocation. From an index it takes the image for Platform, empty for linux on this host's architecture.
func (c Client) Open(ctx context.Context, img bootc.Image) (*Opened, error) {
	s, err := c.session()
	if err != nil {
		return nil, opError("open", img.Location, err)
	}
	o := &Opened{session: s}
	if err := o.open(ctx, img); err != nil {
		s.close()
		return nil, opError("open", img.Location, err)
	}
	return o, nil
}

func (o *Opened) open(ctx context.Context, img bootc.Image) error {
	from, d, err := o.session.find(ctx, img)
	if err != nil {
		return err
	}
	m, err := from.manifest(ctx, d.String())
	if err != nil {
		return err
	}
	if m.IsIndex() {
		o.Info.Index = m.Digest
	}
	pick, platform := choose, hostPlatform()
	if img.Platform != "" {
		pick, platform = chooseExactly, img.Platform
	}
	if m, err = pick(ctx, from, m, platform); err != nil {
		return err
	}
	o.from = from
	if err := o.Info.fill(ctx, from, m); err != nil {
		return err
	}
	o.manifest, _, err = configOf(ctx, from, m)
	return err
}

// find returns the source of an image and the digest that its location means.
func (s *session) find(ctx context.Context, img bootc.Image) (source, digest.Digest, error) {
	if name, ok := strings.CutPrefix(img.Location, "docker://"); ok {
		r, err := parseImage(name)
		if err != nil {
			return nil, "", err
		}
		img.Location = "docker://" + r.String()
	}
	from, err := s.open(ctx, img.Location)
	if err != nil {
		return nil, "", err
	}
	d := img.Digest
	if d == "" {
		if d, err = locate(ctx, from, img.Location); err != nil {
			return nil, "", err
		}
	}
	base := sync.OnceValues(func() (source, error) {
		if img.BaseLocation == "" {
			return nil, errors.New("the image does not say where its base is")
		}
		return s.open(ctx, img.BaseLocation)
	})
	return &imageSource{image: from, base: func(context.Context) (source, error) { return base() }}, d, nil
}

// Image returns the manifest and the config.
func (o *Opened) Image(context.Context) (v1.Manifest, v1.Image, error) {
	return o.manifest, o.Info.Config, nil
}

// Blob opens a blob. Its bytes are checked: instead of the last of those that do not have the digest there is an error.
func (o *Opened) Blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	r, err := o.from.blob(ctx, d)
	if err != nil {
		return nil, opError("open", d.Digest.String(), err)
	}
	return struct {
		io.Reader
		io.Closer
	}{verify(r, d), r}, nil
}

// Close drops the connections that are idle. Without it they go by themselves, after a minute.
func (o *Opened) Close() error {
	o.session.close()
	return nil
}
