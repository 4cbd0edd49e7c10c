//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"slices"
	"time"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/ociconfig"
)

// withoutLabels takes the LABEL off that ends f, for export to put it into the config. As a step it would be a
// container, a commit and an image of its own, a fifth of the time of a build that only changes files. A LABEL whose
// words expand, and one that has its stage for itself, stays where it is.
func withoutLabels(f containerfile.File) (containerfile.File, containerfile.Label) {
	if len(f.Stages) == 0 {
		return f, nil
	}
	last := f.Stages[len(f.Stages)-1]
	end := len(last.Steps) - 1
	if end < 0 {
		return f, nil
	}
	labels, ok := last.Steps[end].(containerfile.Label)
	expands := func(p containerfile.Pair) bool {
		_, key := containerfile.Value(p.Key)
		_, value := containerfile.Value(p.Value)
		return !key || !value
	}
	other := func(s containerfile.Step) bool { return instructions(s) > 0 }
	if !ok || slices.ContainsFunc(labels, expands) || !slices.ContainsFunc(last.Steps[:end], other) {
		return f, nil
	}
	last.Steps = last.Steps[:end:end]
	f.Stages = slices.Clone(f.Stages)
	f.Stages[len(f.Stages)-1] = last
	return f, labels
}

// withLabels adds labels to an image config, and their step to its history.
func withLabels(data []byte, labels containerfile.Label, at time.Time) ([]byte, error) {
	config, err := ociconfig.Parse(data)
	if err != nil {
		return nil, err
	}
	for _, p := range labels {
		key, _ := containerfile.Value(p.Key)
		value, _ := containerfile.Value(p.Value)
		config.Label(key, value)
	}
	if err := config.Step(at, containerfile.Instruction(labels), ""); err != nil {
		return nil, err
	}
	return config.Marshal()
}
