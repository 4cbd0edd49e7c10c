//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/lint"
)

// rules are those of package lint with these IDs: the bases of these tests are no systems.
func rules(ids ...string) []lint.Rule {
	return slices.DeleteFunc(lint.Rules(), func(r lint.Rule) bool { return !slices.Contains(ids, r.ID) })
}

// linted opens an engine that checks with some rules, and keeps the reports.
func linted(t *testing.T, l lint.Linter) (*buildah.Engine, string, *[]lint.Report) {
	t.Helper()
	reports := &[]lint.Report{}
	root := t.TempDir()
	return openAt(t, root, func(o *buildah.Options) {
		o.SkipLint, o.Lint = false, l
		o.OnReport = func(r lint.Report) { *reports = append(*reports, r) }
	}), root, reports
}

// TestLintPlan wants a plan with an error to be refused before anything runs.
func TestLintPlan(t *testing.T) {
	e, _, reports := linted(t, lint.Linter{Rules: rules("BL105")})
	base := inspect(t, e, tinyRef(t))
	var rec recorder
	bad := plan(base, []bootc.Entry{{Path: "/usr/lib/bootc/kargs.d/10.toml", Mode: 0o644, Content: bootc.Text("kargs = 1\n")}})
	_, err := e.Build(t.Context(), bad, bootc.BuildOptions{OnEvent: rec.on})
	found, ok := errors.AsType[*lint.FindingsError](err)
	if !ok {
		t.Fatalf("built: %v", err)
	}
	if op, ok := errors.AsType[*bootc.OpError](err); !ok || op.Op != "lint" {
		t.Errorf("%v is not from lint", err)
	}
	if f := found.Report.Findings[0]; f.Rule != "BL105" || f.Path != "/usr/lib/bootc/kargs.d/10.toml" || f.Source == nil {
		t.Errorf("found %+v", f)
	}
	if len(rec.events) > 0 || len(*reports) != 1 {
		t.Errorf("%d events, %d reports", len(rec.events), len(*reports))
	}
	left(t, e)
}

// TestLintImage wants an image with an error, which nobody could foresee, to be refused before it is made: nothing of it is
// left, and the engine goes on.
func TestLintImage(t *testing.T) {
	own := lint.Rule{ // the caller's functions run in the caller's process, on what the worker has read
		ID: "ACME1", Slug: "acme", Title: "t", Severity: lint.Error, Stages: lint.InRoot, Wants: lint.Reading("/made"),
		Check: func(f *lint.Facts, found func(lint.Finding)) {
			if file := f.Root.File("/made"); file != nil && strings.Contains(file.Text(), "one two") {
				found(file.Finding("it says %q", file.Text()))
			}
		},
	}
	e, root, reports := linted(t, lint.Linter{Rules: append(rules("BL004", "BL118"), own)})
	base := inspect(t, e, tinyRef(t))
	p := plan(base, nil, sh("echo one | cat - /proc/self/comm > /dev/null; w=two; eval 'echo one '$(echo $w) > /made"), sh("mkfifo /queue"))
	p.Origins = []bootc.Origin{{Stage: 0, Step: 0, Features: []string{"Features[0].Script"}}, {Stage: 0, Step: 1, Features: []string{"Features[1].Script"}}}
	var rec recorder
	_, err := e.Build(t.Context(), p, bootc.BuildOptions{OnEvent: rec.on})
	found, ok := errors.AsType[*lint.FindingsError](err)
	if !ok {
		t.Fatalf("built: %v", err)
	}
	var got []string
	for _, f := range found.Report.Findings {
		got = append(got, f.Rule+" "+f.Path+" "+strings.Join(f.Source.Fields, ","))
		if f.Layer == nil || f.Layer.Base || f.Layer.DiffID == "" {
			t.Errorf("%s: layer %+v", f, f.Layer)
		}
	}
	want := []string{"ACME1 /made Features[0].Script", "BL118 /queue Features[1].Script"}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if len(*reports) != 2 || len((*reports)[0].Findings) != 0 {
		t.Errorf("reports: %v", *reports)
	}
	if images, _ := os.ReadDir(filepath.Join(root, "root", "images")); len(images) > 0 {
		t.Errorf("an image is left: %v", images)
	}
	left(t, e)

	good := plan(base, nil, sh("echo three > /made"))
	img, err := e.Build(t.Context(), good, bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	*reports = nil
	again, err := e.Build(t.Context(), good, bootc.BuildOptions{})
	if err != nil || again.Digest != img.Digest {
		t.Fatalf("%v, %v", again.Digest, err)
	}
	if len(*reports) > 0 {
		t.Error("a build that was done before was checked again")
	}
	left(t, e)
}

// TestLintWarnings wants findings that do not fail to be events, each once, and notes to be none.
func TestLintWarnings(t *testing.T) {
	e, _, _ := linted(t, lint.Linter{Rules: rules("BL108", "BL801", "BL118"), FailOn: lint.Off})
	base := inspect(t, e, tinyRef(t))
	p := plan(base, []bootc.Entry{{Path: "/usr/lib/bootc/kargs.d/10.conf", Mode: 0o644}}, sh("mkfifo /queue"))
	var rec recorder
	if _, err := e.Build(t.Context(), p, bootc.BuildOptions{OnEvent: rec.on}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ev := range rec.kinds(bootc.EventWarning) {
		if ev.Op == "lint" {
			got = append(got, ev.Text)
		}
	}
	if len(got) != 2 || !strings.Contains(got[0], "BL108") || !strings.Contains(got[1], "BL118") {
		t.Errorf("events %q", got)
	}
}

// TestLintDefault wants the zero value of Options to check: a base without a kernel is refused.
func TestLintDefault(t *testing.T) {
	e := openAt(t, t.TempDir(), func(o *buildah.Options) { o.SkipLint = false })
	base := inspect(t, e, tinyRef(t))
	_, err := e.Build(t.Context(), plan(base, nil, sh("true"), containerfile.Label{{Key: "containers.bootc", Value: "1"}}), bootc.BuildOptions{})
	found, ok := errors.AsType[*lint.FindingsError](err)
	if !ok || !strings.Contains(found.Error(), "BL101") {
		t.Errorf("built: %v", err)
	}
	if _, err := buildah.Open(buildah.Options{Root: t.TempDir(), Lint: lint.Linter{Severity: map[string]lint.Severity{"no-such-rule": lint.Off}}}); err == nil {
		t.Error("a Linter with a rule that does not exist was taken")
	}
}

// TestLintStore lints an image of the store.
func TestLintStore(t *testing.T) {
	e := open(t, nil)
	r, err := e.Lint(t.Context(), tinyRef(t), lint.Linter{Rules: rules("BL101", "BL901")}, bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Rule)
	}
	if !slices.Equal(got, []string{"BL101", "BL901"}) {
		t.Errorf("found %v", r.Findings)
	}
	left(t, e)
}
