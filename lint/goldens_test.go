package lint_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/plantest"
	"github.com/bootloom/bootloom/lint"
)

// TestGoldens lints what each feature of packages bootc and flightctl comes to, in their own test cases, and compares the findings with
// testdata/goldens.txt: each of those was read and is true. None is an error.
func TestGoldens(t *testing.T) {
	var got []string
	for _, pattern := range []string{"../bootc/testdata/features/*.txtar", "../bootc/flightctl/testdata/agent/*.txtar", "../bootc/flightctl/testdata/upstream/*.txtar"} {
		cases, err := filepath.Glob(pattern)
		must(t, err)
		if len(cases) == 0 {
			t.Fatalf("no case matches %s", pattern)
		}
		for _, name := range cases {
			archive, err := txtar.ParseFile(name)
			must(t, err)
			plan, ok := goldenPlan(t, archive)
			if !ok {
				continue
			}
			r := lint.Linter{Profiles: []lint.Profile{lint.Edge, lint.Disk}}.Plan(plan)
			for _, f := range r.Findings {
				if f.Severity == lint.Error {
					t.Errorf("%s: %s", name, f)
				}
				if f.Source != nil {
					f.Source.Start, f.Source.End, f.Source.Column = 0, 0, 0
				}
				got = append(got, fmt.Sprintf("%s: %s", strings.TrimSuffix(filepath.Base(name), ".txtar"), f))
			}
		}
	}
	slices.Sort(got)
	text := strings.Join(slices.Compact(got), "\n") + "\n"
	const file = "testdata/goldens.txt"
	if *update {
		must(t, os.WriteFile(file, []byte(text), 0o644))
		return
	}
	data, err := os.ReadFile(file)
	must(t, err)
	for line := range strings.Lines(text) {
		if !strings.Contains(string(data), line) {
			t.Errorf("new, see %s: %s", file, line)
		}
	}
	for line := range strings.Lines(string(data)) {
		if !strings.Contains(text, line) {
			t.Errorf("gone, see %s: %s", file, line)
		}
	}
}

// goldenPlan compiles a case; ok is false for cases about mistakes.
func goldenPlan(t *testing.T, archive *txtar.Archive) (plan bootc.Plan, ok bool) {
	t.Helper()
	if slices.ContainsFunc(archive.Files, func(f txtar.File) bool { return f.Name == "errors" }) {
		return plan, false
	}
	data, base := plantest.Input(t, archive.Files, bootc.Base{Ref: "quay.io/acme/base:1"})
	spec, err := bootc.Codec{Kinds: flightctl.Kinds()}.Unmarshal(data)
	must(t, err)
	spec.Base = base.Ref
	base.Labels = maps.Clone(base.Labels)
	if base.Labels == nil {
		base.Labels = map[string]string{}
	}
	base.Labels["containers.bootc"] = "1"
	plan, err = spec.Compile(base)
	return plan, err == nil
}
