package registry

import (
	"cmp"
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
			if d, err = p.head(ctx, r.target(), toRead); err != nil {
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
	_, config, _, err := configOf(ctx, from, m)
	if err == nil {
		err = isFor(config, platform)
	}
	return m, err
}

// isFor fails if a config is not that of an image for the platform.
func isFor(config v1.Image, platform string) error {
	if want, err := parsePlatform(platform); err != nil || !matches(want, config.Platform) {
		return fmt.Errorf("%w: the image is for %s, not for %s", ErrNotFound, formatPlatform(config.Platform), platform)
	}
	return nil
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
		_, _, err = info.read(ctx, p, m, platform)
		return err
	})
	return info, err
}

// read reads the manifest for a platform and its config, which it returns as they are, and what is known of the index that
// the manifest comes from. With no platform a single image is taken whatever it is for.
func (i *Info) read(ctx context.Context, from source, m Manifest, platform string) (Manifest, []byte, error) {
	single := !m.IsIndex()
	if !single {
		i.Index = m.Digest
		manifests, _, err := children(m)
		if err != nil {
			return m, nil, err
		}
		for _, d := range manifests {
			if d.Platform != nil {
				i.Platforms = append(i.Platforms, formatPlatform(*d.Platform))
			}
		}
	}
	m, err := choose(ctx, from, m, cmp.Or(platform, hostPlatform()))
	if err != nil {
		return m, nil, err
	}
	man, config, data, err := configOf(ctx, from, m)
	if err == nil && single && platform != "" {
		err = isFor(config, platform)
	}
	if err != nil {
		return m, nil, err
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
		layer := bootc.Layer{Digest: l.Digest, MediaType: l.MediaType, Size: l.Size, Features: bootc.LayerFeatures(l.Annotations)}
		if n < len(config.RootFS.DiffIDs) {
			layer.DiffID = config.RootFS.DiffIDs[n]
		}
		i.Layers = append(i.Layers, layer)
	}
	return m, data, nil
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
