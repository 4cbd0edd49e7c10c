package bootc

import (
	"maps"
	"slices"
	"time"
)

// Spec is the typed config of one image: a literal, JSON, or grown from From by its methods. Each method returns
// a changed copy and leaves its receiver as it was, so that one Spec can be the stem of many.
type Spec struct {
	// Base is the bootable image to start from, as a full reference: registry/repository:tag, with an optional
	// @digest. Local bases are named by transport: oci:DIR, oci-archive:FILE, containers-storage:NAME.
	Base string
	// Features in the order they were added. Phases, not this order, place what they contribute; within a
	// phase the order holds.
	Features []Feature
	// Labels of the image config. They win over labels that features set.
	Labels map[string]string
	// Annotations of the image manifest. They win over annotations that features set.
	Annotations map[string]string
	// Epoch is the time that the image and all files in its new layers carry, in whole seconds
	// (SOURCE_DATE_EPOCH). Zero is the time at which the base was created.
	Epoch time.Time
	// Layers is how many layers the files of the features may be spread over, up to 200, so that after a change of one
	// feature a device downloads that feature's files and no others. If no more features than that have files, each has a
	// layer of its own, wherever it stands in the Spec; otherwise the smallest share one. Files that a step needs are in
	// layers below that step, at least one for each such place, whatever the number.
	//
	// Zero is as few as the steps allow, with files of 1 MiB and more apart: right where the rest is small. Each layer costs
	// every update 0.4 kB of manifest and config, and a device that fetches it a request. So when one of 100 drop-ins of
	// 90 bytes changes, an update has 4 kB if they share a layer, and 38 kB if they do not; with files of 20 kB it would be
	// 2 MB and 58 kB. To build, a layer that is added directly costs nothing, and one below a step that runs a tenth of a
	// second.
	Layers int
}

// From starts a Spec on a base image.
func From(base string) Spec { return Spec{Base: base} }

// With adds features.
func (s Spec) With(f ...Feature) Spec {
	s.Features = append(slices.Clip(s.Features), f...) // Clip: branches never share a tail
	return s
}

// Label sets a label of the image config.
func (s Spec) Label(key, value string) Spec {
	s.Labels = withKey(s.Labels, key, value)
	return s
}

// Annotate sets an annotation of the image manifest.
func (s Spec) Annotate(key, value string) Spec {
	s.Annotations = withKey(s.Annotations, key, value)
	return s
}

// At sets the Epoch.
func (s Spec) At(epoch time.Time) Spec {
	s.Epoch = epoch
	return s
}

// InLayers sets Layers.
func (s Spec) InLayers(n int) Spec {
	s.Layers = n
	return s
}

func withKey(m map[string]string, key, value string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}
