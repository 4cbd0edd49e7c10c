package flightctl_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/txtest"
)

var _ = flag.Bool("update", false, "rewrite what the txtar files expect")

var codec = bootc.Codec{Kinds: flightctl.Kinds()}

// TestFeatureFiles compiles spec.json of each corpus file against base.json; the facts that it leaves out are those of a
// well-known base. Out come "errors", or "Containerfile", "list" (every entry) and "image/…" (the content of files).
func TestFeatureFiles(t *testing.T) {
	isInput := func(name string) bool {
		return name == "spec.json" || name == "base.json" || strings.HasPrefix(name, "base/")
	}
	for _, dir := range []string{"agent", "upstream"} {
		t.Run(dir, func(t *testing.T) { txtest.Run(t, "testdata/"+dir+"/*.txtar", isInput, compiled) })
	}
}

// compiled compiles one corpus file.
func compiled(t *testing.T, in []txtar.File) []txtar.File {
	t.Helper()
	var spec bootc.Spec
	var base bootc.Base
	root := fstest.MapFS{}
	var err error
	for _, f := range in {
		switch name, below := strings.CutPrefix(f.Name, "base/"); {
		case f.Name == "spec.json":
			if spec, err = codec.Unmarshal(f.Data); err != nil {
				t.Fatal(err)
			}
		case f.Name == "base.json":
			if err := json.Unmarshal(f.Data, &base); err != nil {
				t.Fatal(err)
			}
		case below:
			root[name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			base.Files = root
		}
	}
	again(t, spec)
	plan, err := spec.Compile(base)
	return result(t, plan, err)
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

// result is what a corpus file expects.
func result(t *testing.T, plan bootc.Plan, err error) []txtar.File {
	t.Helper()
	if err != nil {
		var lines []string
		for _, e := range bootc.FieldErrors(err) {
			line := e.Error()
			if errors.Is(e, bootc.ErrUnknownFact) {
				line += " [ErrUnknownFact]"
			}
			lines = append(lines, line)
		}
		return []txtar.File{{Name: "errors", Data: []byte(strings.Join(lines, "\n") + "\n")}}
	}
	var list strings.Builder
	var contents []txtar.File
	for _, a := range plan.Archives {
		fmt.Fprintf(&list, "%s\n", a.Name)
		for _, e := range a.Entries {
			fmt.Fprintf(&list, "  %s %d:%d %s", e.Mode, e.UID, e.GID, e.Path)
			if e.Link != "" {
				fmt.Fprintf(&list, " -> %s", e.Link)
			}
			fmt.Fprintf(&list, "  (%s)\n", strings.Join(e.Features, ", "))
			if !e.Mode.IsRegular() {
				continue
			}
			data, err := e.Content.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > 0 && data[len(data)-1] != '\n' {
				data = append(slices.Clip(data), "<no newline at the end>\n"...)
			}
			contents = append(contents, txtar.File{Name: "image" + e.Path, Data: data})
		}
	}
	out := []txtar.File{{Name: "Containerfile", Data: []byte(plan.Containerfile.String())}}
	if len(plan.Warnings) > 0 {
		var warnings strings.Builder
		for _, w := range plan.Warnings {
			fmt.Fprintln(&warnings, w)
		}
		out = append(out, txtar.File{Name: "warnings", Data: []byte(warnings.String())})
	}
	if list.Len() > 0 {
		out = append(out, txtar.File{Name: "list", Data: []byte(list.String())})
	}
	return append(out, contents...)
}
