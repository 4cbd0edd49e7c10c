package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// Resolve returns what a reference points at now, without fetching the image: with an empty platform the manifest or
// index itself, otherwise (os/arch[/variant]) the manifest for that platform, which is ErrNotFound if an index lists none
// or a single image is for another one. A reference without tag and digest means the tag latest.
func (c Client) Resolve(ctx context.Context, reference, platform string) (v1.Descriptor, error) {
	var d v1.Descriptor
	err := c.read(ctx, "resolve", reference, func(s *session, p *repo, r ref) error {
		if platform == "" {
			var err error
			if d, err = p.head(ctx, r.target()); err != nil {
				return err
			}
			if d.Digest != "" && (r.digest == "" || r.digest == d.Digest) {
				return nil
			} // else the registry does not say, or something else: then by the bytes
		}
		m, err := p.manifest(ctx, r.target())
		if err != nil {
			return err
		}
		if platform != "" {
			if m, err = chooseExactly(ctx, p, m, platform); err != nil {
				return err
			}
		}
		d = v1.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Data))}
		return nil
	})
	return d, err
}

// chooseExactly is choose, but a single image must be for the platform as well.
func chooseExactly(ctx context.Context, from source, m Manifest, platform string) (Manifest, error) {
	single := !m.IsIndex()
	m, err := choose(ctx, from, m, platform)
	if err != nil || !single {
		return m, err
	}
	_, config, err := configOf(ctx, from, m)
	if err != nil {
		return m, err
	}
	if want, _ := parsePlatform(platform); !matches(want, config.Platform) {
		return m, fmt.Errorf("%w: the image is for %s, not for %s", ErrNotFound, formatPlatform(config.Platform), platform)
	}
	return m, nil
}

// Info is what a registry knows about an image.
type Info struct {
	// Repository is host[:port]/path.
	Repository string
	// Digest and MediaType of the manifest.
	Digest    digest.Digest
	MediaType string
	// Platform is os/arch[/variant].
	Platform string
	// Index is the digest of the index that the manifest was chosen from, and Platforms what that index has; empty if
	// the reference is to a single image.
	Index     digest.Digest
	Platforms []string
	// Created is when the image says it was made; zero if it does not say.
	Created time.Time
	// Labels of the config and Annotations of the manifest.
	Labels, Annotations map[string]string
	// Layers, the lowest first. FromBase is not known here.
	Layers []bootc.Layer
	// Config is the whole image config; zero for an artifact.
	Config v1.Image
}

// Inspect reads an image's manifest and config. From an index it takes the image for the platform, empty for linux on
// this host's architecture. A reference without tag and digest means the tag latest.
func (c Client) Inspect(ctx context.Context, reference, platform string) (Info, error) {
	var info Info
	err := c.read(ctx, "inspect", reference, func(s *session, p *repo, r ref) error {
		m, err := p.manifest(ctx, r.target())
		if err != nil {
			return err
		}
		info.Repository = p.ref.repository()
		if m.IsIndex() {
			info.Index = m.Digest
			manifests, _, err := children(m)
			if err != nil {
				return err
			}
			for _, d := range manifests {
				if d.Platform != nil {
					info.Platforms = append(info.Platforms, formatPlatform(*d.Platform))
				}
			}
		}
		pick := choose
		if platform == "" {
			platform = hostPlatform()
		} else {
			pick = chooseExactly
		}
		if m, err = pick(ctx, p, m, platform); err != nil {
			return err
		}
		return info.fill(ctx, p, m)
	})
	return info, err
}

// fill reads what manifest and config say.
func (i *Info) fill(ctx context.Context, from source, m Manifest) error {
	man, config, err := configOf(ctx, from, m)
	if err != nil {
		return err
	}
	i.Digest, i.MediaType, i.Annotations, i.Config = m.Digest, m.MediaType, man.Annotations, config
	i.Labels = config.Config.Labels
	if config.OS != "" {
		i.Platform = formatPlatform(config.Platform)
	}
	if config.Created != nil {
		i.Created = *config.Created
	}
	for n, l := range man.Layers {
		layer := bootc.Layer{Digest: l.Digest, MediaType: l.MediaType, Size: l.Size}
		if n < len(config.RootFS.DiffIDs) {
			layer.DiffID = config.RootFS.DiffIDs[n]
		}
		i.Layers = append(i.Layers, layer)
	}
	return nil
}

// read runs f on the repository of an image reference.
func (c Client) read(ctx context.Context, op, reference string, f func(*session, *repo, ref) error) error {
	r, err := parseImage(reference)
	if err != nil {
		return opError(op, reference, err)
	}
	s, err := c.session()
	if err != nil {
		return opError(op, reference, err)
	}
	defer s.close()
	p, err := s.repo(ctx, r)
	if err != nil {
		return opError(op, reference, err)
	}
	return opError(op, reference, f(s, p, r))
}
