package bootc_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bootloom/bootloom/bootc"
)

func TestTree(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bin/run"), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(dir, "bin/run"), 0o4710); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "conf"), "x")
	for _, err := range []error{os.Mkdir(filepath.Join(dir, "empty"), 0o700), os.Symlink("bin/run", filepath.Join(dir, "latest"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"-rwxr-xr-x /opt/acme/bin/run ", "-rw-r--r-- /opt/acme/conf ", "drwxr-xr-x /opt/acme/empty ", "Lrwxrwxrwx /opt/acme/latest bin/run"}
	spec := bootc.From(debianBase.Ref).Tree("/opt/acme", os.DirFS(dir))
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var again bootc.Spec
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	for i, s := range []bootc.Spec{spec, again} {
		plan, err := s.Compile(debianBase)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range plan.Archives[0].Entries {
			got = append(got, fmt.Sprintf("%s %s %s", e.Mode, e.Path, e.Link))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d: got %q, want %q", i, got, want)
		}
	}
	id, err := spec.ID()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.ID(); err != nil || got != id {
		t.Errorf("the ID changes on the way through JSON: %s, %s, %v", id, got, err)
	}
}

func TestTreeErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("../../../../../../etc", filepath.Join(dir, "up")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		tree bootc.Tree
		want string
	}{
		{bootc.Tree{Path: "/opt/x"}, "Features[0].Tree.FS: is nil"},
		{bootc.Tree{Path: "opt", FS: fstest.MapFS{}}, "Features[0].Tree.Path: opt must be an absolute path"},
		{bootc.Tree{Path: "/opt/x", FS: os.DirFS(dir + "/none")}, "no such file"},
		{bootc.Tree{Path: "/opt/x", FS: fstest.MapFS{"p": {Mode: fs.ModeNamedPipe}}}, "Features[0].Tree.FS: p is a p---------"},
		{bootc.Tree{Path: "/opt/x", FS: os.DirFS(dir)}, "climbs above /"},
		{bootc.Tree{Path: "/", FS: fstest.MapFS{"var/x": {}}}, "/var belongs to the device"},
		{bootc.Tree{Path: "/opt/x", FS: fstest.MapFS{"a\nb": {}}}, "control characters"},
	} {
		_, err := bootc.From(debianBase.Ref).With(tt.tree).Compile(debianBase)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %s", tt.tree.Path, err, tt.want)
		}
	}
	if err := json.Unmarshal([]byte(`{"Path":"/opt","Files":[{"Path":"../etc/passwd","Mode":420}]}`), new(bootc.Tree)); err == nil {
		t.Error("a path that leaves the tree is taken")
	}
}

func TestTreeMany(t *testing.T) {
	many := fstest.MapFS{}
	for i := range 5_000 {
		many[fmt.Sprintf("d%02d/f%d", i%50, i)] = &fstest.MapFile{Data: []byte("x")}
	}
	plan, err := bootc.From(debianBase.Ref).Tree("/usr/share/many", many).Compile(debianBase)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(plan.Archives[0].Entries); n != 5_000 {
		t.Errorf("%d entries", n)
	}
}

// BenchmarkTree compiles a tree of 100,000 files.
func BenchmarkTree(b *testing.B) {
	dir := b.TempDir()
	for i := range 100 {
		sub := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(sub, 0o755); err != nil {
			b.Fatal(err)
		}
		for j := range 1000 {
			if err := os.WriteFile(filepath.Join(sub, fmt.Sprint(j)), nil, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	spec := bootc.From(debianBase.Ref).Tree("/usr/share/many", os.DirFS(dir))
	for b.Loop() {
		if _, err := spec.Compile(debianBase); err != nil {
			b.Fatal(err)
		}
	}
}
