package lint_test

import (
	"os"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/examples/edge/edgeos"
	"github.com/bootloom/bootloom/lint"
)

// BenchmarkSpec is what a build pays before its steps. internal/lintbench measures images.
func BenchmarkSpec(b *testing.B) {
	base := bootc.Base{Ref: "quay.io/acme/base:1", Digest: digest.FromString("base"), Family: bootc.Fedora, Tool: bootc.DNF5}
	spec := edgeos.Spec(base.Ref)
	for b.Loop() {
		lint.Linter{}.Spec(spec, base)
	}
}

// BenchmarkContainerfile is a Containerfile with many files and commands.
func BenchmarkContainerfile(b *testing.B) {
	text, err := os.ReadFile("testdata/writes.txtar")
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range txtar.Parse(text).Files {
		if f.Name == "Containerfile" {
			for b.Loop() {
				lint.Linter{}.Containerfile(lint.Containerfile{Text: f.Data})
			}
		}
	}
}
