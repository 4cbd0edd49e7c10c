package lint_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/internal/txtest"
	"github.com/bootloom/bootloom/lint"
)

// TestOutputs compares every form of a report with its section.
func TestOutputs(t *testing.T) {
	isInput := func(name string) bool { return !strings.HasPrefix(name, "out.") }
	txtest.Run(t, "testdata/outputs/*.txtar", isInput, func(t *testing.T, in []txtar.File) []txtar.File {
		c := parseCase(t, in)
		c.linter.Rules = c.only(t)
		r := c.report(t)
		var text, github, jsonText, sarif, baseline bytes.Buffer
		must(t, r.WriteText(&text, lint.TextOptions{Suppressed: true}))
		must(t, r.WriteGitHub(&github))
		must(t, r.WriteJSON(&jsonText))
		must(t, lint.WriteSARIF(&sarif, lint.SARIFOptions{Anchor: "Containerfile"}, r))
		must(t, r.WriteBaseline(&baseline))
		checkSARIF(t, sarif.Bytes())
		again, err := lint.ReadJSON(bytes.NewReader(jsonText.Bytes()))
		must(t, err)
		if !reflect.DeepEqual(again.Findings, r.Findings) && len(r.Findings) > 0 {
			t.Errorf("JSON says\n%v\nnot\n%v", again.Findings, r.Findings)
		}
		return []txtar.File{{Name: "out.text", Data: text.Bytes()}, {Name: "out.github", Data: github.Bytes()},
			{Name: "out.json", Data: jsonText.Bytes()}, {Name: "out.sarif", Data: sarif.Bytes()}, {Name: "out.baseline", Data: baseline.Bytes()}}
	})
}

// only are the rules that the case names.
func (c *testCase) only(t testing.TB) []lint.Rule {
	t.Helper()
	var out []lint.Rule
	for _, r := range lint.Rules() {
		for _, id := range c.rules {
			if r.ID == id {
				out = append(out, r)
			}
		}
	}
	if len(out) != len(c.rules) || len(out) == 0 {
		t.Fatalf("the case must name rules in its section rules; it has %q", c.rules)
	}
	return out
}

func (c *testCase) report(t testing.TB) lint.Report {
	t.Helper()
	if c.containerfile != nil {
		return c.linter.Containerfile(*c.containerfile)
	}
	if c.spec != nil {
		return c.linter.Spec(*c.spec, c.base)
	}
	r, err := c.linter.Image(t.Context(), "quay.io/acme/edge-os:1", c.source(t).image(t))
	must(t, err)
	return r
}

// checkSARIF validates against the schema of OASIS, in a module of its own, whose packages users of lint need not fetch.
func checkSARIF(t testing.TB, log []byte) {
	t.Helper()
	testkit.NeedTool(t, "go")
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Dir = "testdata/sarifcheck"
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	cmd.Stdin = bytes.NewReader(log)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("not valid: %v\n%s", err, out)
	}
}

// TestBaseline wants a finding that is known to be none, and a new one to be one, wherever the lines move.
func TestBaseline(t *testing.T) {
	linter := lint.Linter{Now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)}
	file := func(text string) lint.Containerfile { return lint.Containerfile{Text: []byte(text)} }
	first := linter.Containerfile(file("FROM quay.io/acme/base:1\nRUN systemctl daemon-reload\n"))
	var b bytes.Buffer
	must(t, first.WriteBaseline(&b))
	var err error
	linter.Baseline, err = lint.ReadBaseline(&b)
	must(t, err)
	if len(linter.Baseline) == 0 {
		t.Fatal("nothing was found")
	}
	next := linter.Containerfile(file("FROM quay.io/acme/base:1\n\n# a comment\nRUN   systemctl daemon-reload\nRUN systemctl start x\n"))
	var open []string
	for _, f := range next.Open() {
		open = append(open, f.Rule)
	}
	if len(open) != 1 || open[0] != "BL405" || next.Open()[0].Source.Start != 5 {
		t.Errorf("open are %v", next.Open())
	}
}

// TestJSONVersion refuses a report of another version.
func TestJSONVersion(t *testing.T) {
	b, _ := json.Marshal(map[string]any{"version": 2})
	if _, err := lint.ReadJSON(bytes.NewReader(b)); err == nil {
		t.Error("version 2 was read")
	}
}
