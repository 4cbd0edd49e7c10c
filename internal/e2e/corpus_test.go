package e2e

import (
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestDirectCorpus takes the plans of every feature's own cases, without what has to run and would need the case's base, and
// has both engines build them: file for file the same.
func TestDirectCorpus(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	tiny := "oci:" + testkit.Base(t, testkit.Tiny)
	front, err := direct.Open(direct.Options{Root: t.TempDir(), SkipLint: true}) // the base does not boot
	if err != nil {
		t.Fatal(err)
	}
	back := builder(t)
	base, err := front.Inspect(t.Context(), tiny, bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var cases []string
	for _, pattern := range []string{"../../bootc/testdata/features/*.txtar", "../../bootc/flightctl/testdata/*/*.txtar"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		cases = append(cases, found...)
	}
	built := 0
	for _, file := range cases {
		plan, ok := corpusPlan(t, file)
		if !ok || !onlyAdds(&plan, base) {
			continue
		}
		built++
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			want, err := back.Build(t.Context(), plan, bootc.BuildOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := front.Build(t.Context(), plan, bootc.BuildOptions{})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "files", listing(look(t, got)), listing(look(t, want)))
			if g, w := configOf(t, got).Config.Labels, configOf(t, want).Config.Labels; !maps.Equal(g, w) {
				t.Errorf("labels %v, want %v", g, w)
			}
		})
	}
	if built < 40 {
		t.Errorf("only %d cases were built", built)
	}
}

// corpusPlan compiles a case, if it is one that compiles.
func corpusPlan(t *testing.T, file string) (bootc.Plan, bool) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var spec bootc.Spec
	base := bootc.Base{Ref: "quay.io/acme/base:1"}
	root := fstest.MapFS{}
	var errs []error
	for _, f := range a.Files {
		switch name, below := strings.CutPrefix(f.Name, "base/"); {
		case f.Name == "spec.json":
			spec, err = bootc.Codec{Kinds: flightctl.Kinds()}.Unmarshal(f.Data)
			errs = append(errs, err)
		case f.Name == "base.json":
			errs = append(errs, json.Unmarshal(f.Data, &base))
		case below:
			root[name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			base.Files = root
		}
	}
	if spec.Base != "" {
		base.Ref = spec.Base
	}
	spec.Base = base.Ref
	plan, err := spec.Compile(base)
	return plan, errors.Join(append(errs, err)...) == nil && len(spec.Features) > 0
}

// onlyAdds puts the plan on another base and drops what only its own could run. It is false if nothing is left.
func onlyAdds(p *bootc.Plan, base bootc.Base) bool {
	last := p.Containerfile.Stages[len(p.Containerfile.Stages)-1]
	stage := containerfile.Stage{From: base.From()}
	var origins []bootc.Origin
	wrote := false
	for i, s := range last.Steps {
		switch s := s.(type) {
		case containerfile.Add:
			if !slices.ContainsFunc(p.Archives, func(a bootc.Archive) bool { return slices.Equal(s.Sources, []string{a.Name}) }) {
				continue
			}
			wrote = true
		case containerfile.Label:
		default:
			continue
		}
		origins = append(origins, bootc.Origin{Stage: 0, Step: len(stage.Steps), Features: p.Features(len(p.Containerfile.Stages)-1, i)})
		stage.Steps = append(stage.Steps, s)
	}
	p.Base, p.Origins, p.SecretEntries, p.Secrets, p.Warnings = base, origins, nil, nil, nil
	p.Containerfile.Preamble, p.Containerfile.Stages = nil, []containerfile.Stage{stage}
	p.Archives = slices.DeleteFunc(slices.Clone(p.Archives), func(a bootc.Archive) bool {
		return !slices.ContainsFunc(stage.Steps, func(s containerfile.Step) bool {
			add, ok := s.(containerfile.Add)
			return ok && slices.Contains(add.Sources, a.Name)
		})
	})
	return wrote
}
