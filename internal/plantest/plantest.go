// Package plantest reads the Specs of txtar cases, and writes what becomes of them, for the corpora of plans and features.
package plantest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
)

// IsInput says whether a section of a case goes in: spec.json, base.json, and the files of the base below base/.
func IsInput(name string) bool {
	return name == "spec.json" || name == "base.json" || strings.HasPrefix(name, "base/")
}

// Input is the text of spec.json, and base with what base.json and the files below base/ say of it.
func Input(t *testing.T, in []txtar.File, base bootc.Base) (spec []byte, _ bootc.Base) {
	t.Helper()
	root := fstest.MapFS{}
	for _, f := range in {
		switch name, below := strings.CutPrefix(f.Name, "base/"); {
		case f.Name == "spec.json":
			spec = f.Data
		case f.Name == "base.json":
			if err := json.Unmarshal(f.Data, &base); err != nil {
				t.Fatal(err)
			}
		case below:
			root[name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
			base.Files = root
		}
	}
	return spec, base
}

// Sections are what comes out of a compiled Spec: "errors", each mistake in a line, or else "Containerfile", "warnings" if there are
// some, "list" (every entry of the archives) and "image/…" (the content of each file).
func Sections(t *testing.T, plan bootc.Plan, err error) []txtar.File {
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
