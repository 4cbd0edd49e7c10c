package flightctl_test

import (
	"flag"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/plantest"
	"github.com/bootloom/bootloom/internal/txtest"
)

var _ = flag.Bool("update", false, "rewrite what the txtar files expect")

var codec = bootc.Codec{Kinds: flightctl.Kinds()}

// TestFeatureFiles compiles spec.json of each corpus file against base.json; the facts that it leaves out are those of a
// well-known base. Out come "errors", or "Containerfile", "list" (every entry) and "image/…" (the content of files).
func TestFeatureFiles(t *testing.T) {
	for _, dir := range []string{"agent", "upstream"} {
		t.Run(dir, func(t *testing.T) { txtest.Run(t, "testdata/"+dir+"/*.txtar", plantest.IsInput, compiled) })
	}
}

// compiled compiles one corpus file.
func compiled(t *testing.T, in []txtar.File) []txtar.File {
	t.Helper()
	text, base := plantest.Input(t, in, bootc.Base{})
	spec, err := codec.Unmarshal(text)
	if err != nil {
		t.Fatal(err)
	}
	again(t, spec)
	plan, err := spec.Compile(base)
	return plantest.Sections(t, plan, err)
}

// again wants a Spec to be the same after a way through JSON.
func again(t *testing.T, s bootc.Spec) {
	t.Helper()
	one, err := codec.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := codec.Unmarshal(one)
	if err != nil {
		t.Fatal(err)
	}
	two, err := codec.Marshal(back)
	if err != nil || string(one) != string(two) {
		t.Errorf("through JSON the Spec becomes another (%v):\n%s\n%s", err, one, two)
	}
}
