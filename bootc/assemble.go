package bootc

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// plan puts the Containerfile together. All mistakes of the Spec have been found by now.
func (d *Draft) plan(s Spec, labels, annotations map[string]drafted[string]) Plan {
	id, _ := s.ID() // a feature that JSON cannot carry builds as well as any other
	p := Plan{Epoch: s.epoch(d.base), Base: d.base, Spec: id, Annotations: map[string]string{}}
	note := s.Base
	if d.base.Platform != "" {
		note += " for " + d.base.Platform
	}
	p.Containerfile.Preamble = []containerfile.Step{containerfile.Comment(note)}

	for i, st := range d.stages {
		stage, origins := st.value, st.features
		if len(st.entries) > 0 {
			name := "stage-" + stage.Name + ".tar"
			p.Archives = append(p.Archives, Archive{name, st.entries, p.Epoch})
			stage.Steps = slices.Insert(slices.Clone(stage.Steps), 0, containerfile.Step(containerfile.Add{Sources: []string{name}, Dest: "/"}))
		}
		if slices.ContainsFunc(stage.Steps, isRun) {
			stage.Steps = slices.Insert(slices.Clone(stage.Steps), 0, containerfile.Step(declareEpoch))
		}
		for j := range stage.Steps {
			p.Origins = append(p.Origins, Origin{i, j, origins})
		}
		p.Containerfile.Stages = append(p.Containerfile.Stages, stage)
	}

	final := finalStage{stage: containerfile.Stage{From: d.base.From()}, epoch: p.Epoch, layers: s.Layers}
	var running []string
	for _, s := range slices.Concat(d.steps[:]...) {
		if isRun(s.value) {
			running = union(running, s.features)
		}
	}
	if len(running) > 0 {
		final.add(declareEpoch, running)
	}
	for phase := range phases {
		final.phase(phase, d.entries[phase], d.steps[phase])
	}
	final.flush()
	final.spreadOut()

	created := p.Epoch.Format(time.RFC3339)
	if _, stale := d.base.Labels[keyCreated]; stale { // else the image would claim the time of its base
		setDefault(labels, keyCreated, created)
	}
	if len(labels) > 0 {
		var step containerfile.Label
		var features []string
		for _, k := range sortedKeys(labels) {
			step = append(step, containerfile.Pair{Key: containerfile.Literal(k), Value: containerfile.Literal(labels[k].value)})
			features = union(features, labels[k].features)
		}
		final.add(step, features)
	}
	for i, features := range final.origins {
		p.Origins = append(p.Origins, Origin{len(d.stages), i, features})
	}
	p.Archives = append(p.Archives, final.archives...)
	p.SecretEntries = placed(d.secretEntries, len(d.stages), final.stage.Steps)
	p.Containerfile.Stages = append(p.Containerfile.Stages, final.stage)

	setDefault(annotations, keyCreated, created)
	if !d.base.Local() { // the path of a directory on this machine says nothing elsewhere
		_, name := splitRef(s.Base)
		setDefault(annotations, keyBaseName, name)
	}
	if d.base.Digest != "" {
		setDefault(annotations, keyBaseDigest, d.base.Digest.String())
	}
	for k, v := range annotations {
		p.Annotations[k] = v.value
	}
	for _, step := range p.Containerfile.All() {
		if run, ok := step.(containerfile.Run); ok {
			for _, m := range run.Mounts {
				if m.Type == "secret" {
					d.secrets[cmp.Or(m.ID, path.Base(m.Target))] = true
				}
			}
		}
	}
	p.Secrets, p.checks, p.Warnings = sortedKeys(d.secrets), d.checks, d.warnings
	return p
}

var stepPath = lazyregexp.New(`^stages\[(\d+)\]\.steps\[(\d+)\]`)

// check finds what no Containerfile can say. By now only steps that features of others made can be so.
func (p Plan) check() error {
	var errs []error
	for _, err := range flatten(p.Containerfile.Validate()) {
		path := "Containerfile"
		if e, ok := errors.AsType[*containerfile.FieldError](err); ok {
			if m := stepPath.FindStringSubmatch(e.Path); m != nil {
				stage, _ := strconv.Atoi(m[1])
				step, _ := strconv.Atoi(m[2])
				path = cmp.Or(list(p.Features(stage, step)), path)
			}
		}
		errs = append(errs, &FieldError{Path: path, Err: err})
	}
	return errors.Join(errs...)
}

// declareEpoch shows the epoch to the commands of a stage: builders that know SOURCE_DATE_EPOCH give the argument its
// value. rpm, systemd-sysusers, useradd and others then write that time instead of the day of the build
// (https://reproducible-builds.org/specs/source-date-epoch/).
var declareEpoch = containerfile.Arg{{Name: "SOURCE_DATE_EPOCH"}}

func isRun(s containerfile.Step) bool {
	_, ok := s.(containerfile.Run)
	return ok
}

func setDefault(m map[string]drafted[string], key, value string) {
	if _, ok := m[key]; !ok {
		m[key] = draftedString{value: value}
	}
}

// summary is the comment above a phase.
func summary(p Phase, entries []Entry, features []string) string {
	text := p.String()
	if n := len(entries); n == 1 {
		text += ": " + entries[0].Path
	} else if n > 1 {
		text += fmt.Sprintf(": %d files", n)
	}
	return text + " (" + strings.Join(kinds(features), ", ") + ")"
}

// union appends what dst lacks, in order.
func union(dst, src []string) []string {
	for _, s := range src {
		if !slices.Contains(dst, s) {
			dst = append(dst, s)
		}
	}
	return dst
}

// inOrder sorts origins as the Spec has them, its own fields last.
func inOrder(origins []string) []string {
	index := func(origin string) int {
		i, ok := strings.CutPrefix(origin, "Features[")
		if !ok {
			return math.MaxInt
		}
		i, _, _ = strings.Cut(i, "]")
		n, _ := strconv.Atoi(i)
		return n
	}
	return slices.SortedStableFunc(slices.Values(origins), func(a, b string) int { return cmp.Compare(index(a), index(b)) })
}

func list(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}
