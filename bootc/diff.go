package bootc

import (
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Update is what a machine that runs one image fetches to run another, as far as manifests tell: layers by their digest.
type Update struct {
	From, To digest.Digest
	// Fetch are the layers of To that From lacks, and Keep those that it has, the lowest first.
	Fetch, Keep []Layer
	// Metadata is the size of To's manifest and config, which are fetched as well; 0 if unknown.
	Metadata int64
}

// Diff compares two images by their manifests. What is inside the layers it does not look at; registry.Client.Diff
// takes references.
func Diff(from, to Image) Update {
	u := Update{From: from.Digest, To: to.Digest}
	if from.Digest == to.Digest && to.Digest != "" {
		u.Keep = to.Layers
		return u
	}
	has := map[digest.Digest]bool{}
	for _, l := range from.Layers {
		has[l.Digest] = true
	}
	for _, l := range to.Layers {
		if has[l.Digest] {
			u.Keep = append(u.Keep, l)
		} else {
			u.Fetch = append(u.Fetch, l)
			has[l.Digest] = true // one blob is fetched once
		}
	}
	return u
}

// Bytes is what the machine downloads.
func (u Update) Bytes() int64 {
	n := u.Metadata
	for _, l := range u.Fetch {
		n += l.Size
	}
	return n
}

// Cost is what a part of an update costs.
type Cost struct {
	// Features are the kinds of the features that made the layers; empty for layers of a base, or of unknown origin.
	Features []string
	Bytes    int64
}

// Costs are the bytes of the layers to fetch by the features that made them, the largest first.
func (u Update) Costs() []Cost {
	var out []Cost
	for _, l := range u.Fetch {
		i := slices.IndexFunc(out, func(c Cost) bool { return slices.Equal(c.Features, l.Features) })
		if i < 0 {
			i = len(out)
			out = append(out, Cost{Features: l.Features})
		}
		out[i].Bytes += l.Size
	}
	slices.SortStableFunc(out, func(a, b Cost) int { return int(b.Bytes - a.Bytes) })
	return out
}

// LayerFeatures reads AnnotationFeatures.
func LayerFeatures(annotations map[string]string) []string {
	if annotations[AnnotationFeatures] == "" {
		return nil
	}
	return strings.Split(annotations[AnnotationFeatures], ",")
}
