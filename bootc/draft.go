package bootc

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bootloom/bootloom/containerfile"
)

// Draft collects what features contribute to an image. Its phases, not the order of calls, decide where a step
// lands. A Draft lives as long as one Compile.
type Draft struct {
	base          Base
	origin        string   // of the feature that contributes now
	sharing       []string // the features instead, while what they gathered is settled
	field         string   // of that feature for which Use has another one contribute
	stages        []draftedStage
	entries       [phases][]Entry
	steps         [phases][]drafted[containerfile.Step]
	labels        map[string]drafted[string]
	annotations   map[string]drafted[string]
	clashes       []clash
	secrets       map[string]bool
	checks        []secretCheck
	warnings      []Warning
	secretEntries []SecretEntry
	gathered      []gathering
	intents
}

// drafted is a contribution with the features that made it.
type drafted[T any] struct {
	value    T
	features []string
}

type (
	draftedString = drafted[string]
	draftedStage  struct {
		drafted[containerfile.Stage]
		entries []Entry
	}
)

// clash is a label or annotation that two features want to differ.
type clash struct {
	field, key    string
	first, second drafted[string]
}

func newDraft(base Base) *Draft {
	return &Draft{
		base:        base,
		labels:      map[string]drafted[string]{},
		annotations: map[string]drafted[string]{},
		secrets:     map[string]bool{},
	}
}

// Base returns what is known about the base. The methods Family, Tool, Kernel, ReadBase and Owner ask for one fact, with an
// error for the user where nobody knows it.
func (d *Draft) Base() Base { return d.base }

// Add adds steps to the final stage, after the files of the phase. Secrets that a Run mounts need no call of Secret.
func (d *Draft) Add(p Phase, steps ...containerfile.Step) {
	for _, s := range steps {
		d.steps[p] = append(d.steps[p], drafted[containerfile.Step]{s, d.origins()})
	}
}

// Put adds files, directories and symbolic links. Those of one phase reach the image in one step, before the
// phase's other steps. Directories on the way that the image lacks are made 0755 root:root; those it has stay as
// they are. Features that put the same entry share it; the same path with another meaning is an error. What depmod and
// dracut read comes in PhaseKernel, before they run, even if p is a later phase: see Initramfs.
//
// What a bootable image cannot carry is refused: entries below /dev, /proc, /run, /sys and /tmp, which are dropped
// when the image is imported; below /var, /home and /root, which belong to the device and never see an update; and
// below /usr/etc and /sysroot, which are ostree's.
func (d *Draft) Put(p Phase, entries ...Entry) {
	for _, e := range entries {
		e.Features = d.origins()
		d.entries[p] = append(d.entries[p], e)
	}
}

// Stage adds a build stage before the final one, with the files that are put into it before its steps. Steps of
// the final stage reach it by its name, which must be one that no other feature uses.
func (d *Draft) Stage(s containerfile.Stage, entries ...Entry) {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Features = d.origins()
	}
	d.stages = append(d.stages, draftedStage{drafted[containerfile.Stage]{s, d.origins()}, entries})
}

// Label sets a label of the image config, unless the Spec itself has it. Two features that set it to different
// values are an error.
func (d *Draft) Label(key, value string) { d.set("Labels", d.labels, key, value) }

// Annotate sets an annotation of the image manifest, unless the Spec itself has it. Two features that set it to
// different values are an error.
func (d *Draft) Annotate(key, value string) { d.set("Annotations", d.annotations, key, value) }

func (d *Draft) set(field string, m map[string]drafted[string], key, value string) {
	next := drafted[string]{value, d.origins()}
	if old, ok := m[key]; ok {
		if old.value != value {
			d.clashes = append(d.clashes, clash{field, key, old, next})
		}
		next.features = union(slices.Clone(old.features), next.features)
	}
	m[key] = next
}

// Secret says that a step uses the secret with this id, so that an engine can ask for its value before it builds. The
// checks look at the value then; their errors must not show any of it.
func (d *Draft) Secret(id string, checks ...func(value []byte) error) {
	d.secrets[id] = true
	for _, check := range checks {
		d.checks = append(d.checks, secretCheck{id, d.at(""), check})
	}
}

// Warnf notes what the one who made the Spec should know, although the image builds as it is: Plan.Warnings. path is the
// field of the feature that contributes now, which may be empty.
func (d *Draft) Warnf(path, format string, args ...any) {
	d.warnings = append(d.warnings, Warning{d.at(path), fmt.Sprintf(format, args...)})
}

// at is the whole path of a field of the feature that contributes now.
func (d *Draft) at(field string) string { return joinPath(d.origin, d.field, field) }

// Use contributes another feature on behalf of the one that contributes now, which thus need not know how a package,
// a unit or a drop-in reaches the image. path is the field it stands for; the mistakes found there come back with that
// path before their own.
//
//	err := d.Use("Units", bootc.Unit{Name: "agent.service", Enable: true})
func (d *Draft) Use(path string, f Feature) error {
	if isNil(f) {
		return Errorf(path, "is nil")
	}
	outer := d.field
	d.field = joinPath(outer, path)
	err := f.Contribute(d)
	d.field = outer
	if path == "" {
		return err
	}
	return join(within(path, err))
}

func (d *Draft) origins() []string {
	switch {
	case d.sharing != nil:
		return slices.Clone(d.sharing)
	case d.origin == "":
		return nil
	}
	return []string{d.origin}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
