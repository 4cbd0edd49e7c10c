package lint_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/internal/txtest"
	"github.com/bootloom/bootloom/lint"
)

// TestParseBootc reads outputs in the shape that bootc's source gives them.
func TestParseBootc(t *testing.T) {
	txtest.Run(t, "testdata/bootc/*.txtar", func(name string) bool { return name == "in" }, func(t *testing.T, in []txtar.File) []txtar.File {
		r, err := lint.ParseBootc(string(in[0].Data))
		if err != nil {
			return []txtar.File{{Name: "error", Data: []byte(err.Error() + "\n")}}
		}
		var b strings.Builder
		must(t, r.WriteText(&b, lint.TextOptions{}))
		return []txtar.File{{Name: "out", Data: []byte(b.String())}}
	})
}

// TestRunBootc runs a program in bootc's place.
func TestRunBootc(t *testing.T) {
	program := filepath.Join(t.TempDir(), "run")
	write := func(script string) { must(t, os.WriteFile(program, []byte("#!/bin/sh\n"+script), 0o755)) }
	write(`test "$*" = "image bootc container lint --no-truncate" || exit 9
echo "Failed lint: var-run: Not a symlink: var/run"
echo "Checks passed: 12"
echo "error: Linting: Checks failed: 1" >&2
exit 1
`)
	r, err := lint.RunBootc(t.Context(), program, "image")
	must(t, err)
	if len(r.Findings) != 1 || r.Findings[0].Rule != "BL116" || r.Err() == nil {
		t.Errorf("%v", r.Findings)
	}
	write("echo 'sh: bootc: not found' >&2; exit 127\n")
	if _, err := lint.RunBootc(t.Context(), program); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("a missing bootc: %v", err)
	}
}

// TestBootcNames wants a rule for each lint of bootc's, by its name.
func TestBootcNames(t *testing.T) {
	for _, name := range []string{"api-base-directories", "baseimage-root", "baseimage-composefs", "bootc-kargs", "etc-usretc", "kernel",
		"nonempty-boot", "utf8", "var-run"} {
		if !slices.ContainsFunc(lint.Rules(), func(r lint.Rule) bool { return slices.Contains(append(r.Aliases, r.Slug), name) }) {
			t.Errorf("no rule has the alias %s", name)
		}
	}
}

// FuzzParseBootc reads any text.
func FuzzParseBootc(f *testing.F) {
	f.Add("Lint warning: var-log: Found non-empty logfiles:\n  /var/log/a\n  ...and 3 more\n\nChecks passed: 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := lint.ParseBootc(text)
		if err == nil && strings.Count(text, "\n")+1 < len(r.Findings) {
			t.Errorf("%d findings", len(r.Findings))
		}
	})
}
