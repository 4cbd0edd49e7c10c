package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// hostPlatform is what an empty platform means where one image must be chosen.
func hostPlatform() string { return "linux/" + runtime.GOARCH }

// parsePlatform reads os/arch[/variant] as Go and OCI name them.
func parsePlatform(s string) (v1.Platform, error) {
	part := strings.Split(s, "/")
	ok := len(part) == 2 || len(part) == 3
	for _, p := range part {
		ok = ok && p != "" && strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
	}
	if !ok {
		return v1.Platform{}, fmt.Errorf("%q is not a platform: want os/arch[/variant], such as linux/amd64 or linux/arm/v7", clip(s))
	}
	p := v1.Platform{OS: part[0], Architecture: part[1]}
	if len(part) == 3 {
		p.Variant = part[2]
	}
	return p, nil
}

func formatPlatform(p v1.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// normal spells out the variant that an architecture has when none is named.
func normal(p v1.Platform) v1.Platform {
	if p.Variant == "" {
		p.Variant = map[string]string{"arm64": "v8", "arm": "v7", "amd64": "v1"}[p.Architecture]
	}
	return v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}

// choose returns the manifest for a platform: m itself if it is no index.
func choose(ctx context.Context, from source, m Manifest, platform string) (Manifest, error) {
	want, err := parsePlatform(platform)
	if err != nil {
		return Manifest{}, err
	}
	if !m.IsIndex() {
		return m, nil
	}
	manifests, _, err := children(m)
	if err != nil {
		return Manifest{}, err
	}
	var have []string
	for _, d := range manifests {
		if d.Platform == nil {
			continue
		}
		if matches(want, *d.Platform) {
			return from.manifest(ctx, d.Digest.String())
		}
		have = append(have, formatPlatform(*d.Platform))
	}
	return Manifest{}, fmt.Errorf("%w: the index has no image for %s, but for %s", ErrNotFound, platform, strings.Join(have, ", "))
}

func matches(want, have v1.Platform) bool {
	return formatPlatform(normal(want)) == formatPlatform(normal(have))
}

// configOf reads the config of an image. Artifacts, whose config is something else, have a zero one.
func configOf(ctx context.Context, from source, m Manifest) (man v1.Manifest, config v1.Image, data []byte, err error) {
	if _, _, err := children(m); err != nil {
		return man, config, nil, err
	}
	if err := json.Unmarshal(m.Data, &man); err != nil {
		return man, config, nil, err
	}
	if man.Config.MediaType != v1.MediaTypeImageConfig && man.Config.MediaType != "application/vnd.docker.container.image.v1+json" {
		return man, config, nil, nil
	}
	if data, err = readBlob(ctx, from, man.Config, maxManifest); err != nil {
		return man, config, nil, err
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return man, config, nil, fmt.Errorf("the image config %s: %w", man.Config.Digest, err)
	}
	return man, config, data, nil
}
