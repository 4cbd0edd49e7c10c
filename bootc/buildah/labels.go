//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/containerfile"
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
	expands := func(p containerfile.Pair) bool { return strings.ContainsAny(p.Key+p.Value, `$\`) }
	other := func(s containerfile.Step) bool { return instructions(s) > 0 }
	if !ok || slices.ContainsFunc(labels, expands) || !slices.ContainsFunc(last.Steps[:end], other) {
		return f, nil
	}
	last.Steps = last.Steps[:end:end]
	f.Stages = slices.Clone(f.Stages)
	f.Stages[len(f.Stages)-1] = last
	return f, labels
}

// instruction is the step as a Containerfile has it.
func instruction(s containerfile.Step) string {
	text := containerfile.File{Stages: []containerfile.Stage{{From: "scratch", Steps: []containerfile.Step{s}}}}.String()
	return strings.TrimSpace(strings.TrimPrefix(text, "FROM scratch\n"))
}

// withLabels adds labels to an image config, and their step to its history. What else the config has is kept, also
// what no type of ours knows.
func withLabels(config []byte, labels containerfile.Label, at time.Time) ([]byte, error) {
	var image, inner map[string]json.RawMessage
	if err := json.Unmarshal(config, &image); err != nil {
		return nil, err
	}
	if raw, ok := image["config"]; ok {
		if err := json.Unmarshal(raw, &inner); err != nil {
			return nil, err
		}
	}
	if inner == nil {
		inner = map[string]json.RawMessage{}
	}
	all := map[string]string{}
	if raw, ok := inner["Labels"]; ok {
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, err
		}
	}
	if all == nil { // the base says null
		all = map[string]string{}
	}
	for _, p := range labels {
		all[p.Key] = p.Value
	}
	var history []json.RawMessage
	if raw, ok := image["history"]; ok {
		if err := json.Unmarshal(raw, &history); err != nil {
			return nil, err
		}
	}
	step, err := json.Marshal(v1.History{Created: &at, CreatedBy: instruction(labels), EmptyLayer: true})
	if err != nil {
		return nil, err
	}
	for _, put := range []struct {
		in    map[string]json.RawMessage
		key   string
		value any
	}{{inner, "Labels", all}, {image, "config", inner}, {image, "history", append(history, step)}} {
		if put.in[put.key], err = json.Marshal(put.value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(image)
}
