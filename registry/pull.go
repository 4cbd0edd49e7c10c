package registry

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// PullOptions are the options of Pull.
type PullOptions struct {
	// Platform is os/arch[/variant]; empty for linux on this host's architecture, or whatever a single image is for.
	Platform string
}

// Pull fetches an image, from an index the one for the platform, to an OCI image layout: oci:DIR[:NAME] or
// oci-archive:FILE[:NAME]. It keeps every byte and checks it. A directory may have other images: the new one takes the
// place of one with the same name, and blobs that are there are not fetched again. Two pulls into one directory must
// not run at once. A file is replaced. Base and BaseDigest of the result are what the image's annotations say.
//
// When it fails, a directory keeps the whole blobs that were fetched, for the next time, and no half ones; a file is
// as it was.
func (c Client) Pull(ctx context.Context, reference, to string, o PullOptions) (img bootc.Image, err error) {
	l, err := toLayout(to)
	if err != nil {
		return img, opError("pull", to, err)
	}
	err = c.read(ctx, "pull", reference, func(s *session, p *repo, r ref) error {
		return s.step("pull", reference, func() error {
			m, err := p.manifest(ctx, r.target())
			if err != nil {
				return err
			}
			img, err = s.save(ctx, p, m, l, o.Platform)
			return err
		})
	})
	img.Location = to
	if err != nil {
		return bootc.Image{}, err
	}
	return img, nil
}

// Save writes an image that an engine built to an OCI image layout, with all its blobs: those that are missing at
// img.Location come from img.BaseLocation. The rest is as with Pull.
func (c Client) Save(ctx context.Context, img bootc.Image, to string) (bootc.Image, error) {
	l, err := toLayout(to)
	if err != nil {
		return bootc.Image{}, opError("save", to, err)
	}
	r, err := c.Open(ctx, img, img.Platform)
	if err != nil {
		return bootc.Image{}, err
	}
	defer r.Close()
	saved, err := r.session.save(ctx, r.from, r.Manifest, l, img.Platform)
	if err != nil {
		return bootc.Image{}, opError("save", to, err)
	}
	if img.Digest == "" {
		img = saved
	}
	img.Location = to
	return img, nil
}

// toLayout is the location of a layout to write.
func toLayout(to string) (location, error) {
	l, err := parseLocation(to)
	if err == nil && l.transport == "docker" {
		err = errors.New("to copy to a registry use Copy or Publish; this wants oci:DIR[:NAME] or oci-archive:FILE[:NAME]")
	}
	return l, err
}

// save writes one image, from an index the one for the platform, to a layout.
func (s *session) save(ctx context.Context, from source, m Manifest, l location, platform string) (img bootc.Image, err error) {
	var info Info
	if m, _, err = info.read(ctx, from, m, platform); err != nil {
		return img, err
	}
	dir := l.path
	if l.transport == "oci-archive" {
		if dir, err = os.MkdirTemp(s.client.TempDir, "bootloom-pull-"); err != nil {
			return img, err
		}
		defer os.RemoveAll(dir)
	}
	out, err := openLayout(dir)
	if err != nil {
		return img, err
	}
	if err := s.fetch(ctx, from, m, out); err != nil {
		return img, err
	}
	d := v1.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Data))}
	if info.Config.OS != "" {
		d.Platform = &info.Config.Platform
	}
	if err := out.add(d, l.name); err != nil {
		return img, err
	}
	if l.transport == "oci-archive" {
		if err := out.archive(ctx, l.path); err != nil {
			return img, err
		}
	}
	return bootc.Image{
		Digest: m.Digest, MediaType: m.MediaType, Platform: info.Platform, Layers: info.Layers,
		Base: info.Annotations[v1.AnnotationBaseImageName], BaseDigest: digest.Digest(info.Annotations[v1.AnnotationBaseImageDigest]),
	}, nil
}

// fetch brings blobs and manifest into a layout.
func (s *session) fetch(ctx context.Context, from source, m Manifest, out *layout) error {
	_, blobs, err := children(m)
	if err != nil {
		return err
	}
	seen := map[digest.Digest]bool{}
	var unique []v1.Descriptor
	for _, d := range blobs {
		if !seen[d.Digest] {
			seen[d.Digest] = true
			unique = append(unique, d)
		}
	}
	err = each(ctx, unique, func(ctx context.Context, d v1.Descriptor) error {
		event := bootc.Event{Kind: bootc.EventStart, Op: "pull", Ref: d.Digest.String(), Total: d.Size}
		s.emit(event)
		if event.Cached = out.has(d); !event.Cached {
			r, err := from.blob(ctx, d, 0)
			if errors.Is(err, ErrNotFound) && notForDistribution(d) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("blob %s: %w", d.Digest, err)
			}
			defer r.Close()
			in := &metered{Reader: verify(r, d), session: s, op: "pull", digest: d.Digest, size: d.Size}
			if err := out.put(d.Digest, in); err != nil {
				return fmt.Errorf("blob %s: %w", d.Digest, err)
			}
		}
		event.Kind, event.Bytes = bootc.EventDone, d.Size
		s.emit(event)
		return nil
	})
	if err != nil {
		return err
	}
	return out.putBytes(m.Digest, m.Data)
}
