// Package txtest runs tests whose cases are txtar files: first the sections that go in, then those that must come
// out. With -update, a test rewrites what must come out:
//
//	go test ./bootc -run TestPlan -update
//
// The flag is one boolean that each test package defines once, however many corpora it has:
//
//	var update = flag.Bool("update", false, "rewrite what the txtar files expect")
package txtest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// Run runs a subtest for each file that glob matches. isInput tells the sections that go in, by their name; they lead
// the file. run gets them and returns the sections that come out: exactly those, in any order, must be in the file.
// A glob that matches nothing fails the test.
func Run(t *testing.T, glob string, isInput func(name string) bool, run func(t *testing.T, in []txtar.File) []txtar.File) {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file matches %s: %v", glob, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			inputs := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return !isInput(f.Name) })
			if inputs < 0 {
				inputs = len(archive.Files)
			}
			got := run(t, archive.Files[:inputs:inputs])
			if updating() && !t.Failed() {
				archive.Files = append(archive.Files[:inputs], got...)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			compare(t, got, archive.Files[inputs:])
		})
	}
}

func compare(t *testing.T, got, want []txtar.File) {
	t.Helper()
	for _, g := range got {
		i := slices.IndexFunc(want, named(g.Name))
		if i < 0 {
			t.Errorf("%s is not expected:\n%s", g.Name, g.Data)
		} else if data := ended(g.Data); !bytes.Equal(data, want[i].Data) {
			t.Errorf("%s: got\n%s\nwant\n%s", g.Name, data, want[i].Data)
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, named(w.Name)) {
			t.Errorf("%s is missing", w.Name)
		}
	}
}

func named(name string) func(txtar.File) bool {
	return func(f txtar.File) bool { return f.Name == name }
}

// ended adds the final newline that txtar gives each section.
func ended(b []byte) []byte {
	if len(b) > 0 && b[len(b)-1] != '\n' {
		b = append(slices.Clip(b), '\n')
	}
	return b
}
