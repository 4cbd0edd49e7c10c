package lint_test

import (
	"archive/tar"
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/lint"
)

// TestOstree asks the importer itself: ostree, which bootc pipes every layer through. What it refuses must be an error of
// one of the rules about import, and what it takes must not. The layer is given to it as bootc does: /etc is at /usr/etc,
// and what is in /dev, /proc, /run, /sys and /tmp is left out
// (https://github.com/ostreedev/ostree-rs-ext/blob/main/lib/src/tar/write.rs).
func TestOstree(t *testing.T) {
	testkit.NeedTool(t, "ostree")
	t.Setenv("LC_ALL", "C.UTF-8") // else libarchive takes no name but ASCII
	for name, c := range map[string]struct {
		layers  string // the last one is imported
		refused string // the rule that says so; empty if it is taken
	}{
		"files":               {"-- layer 0 --\nfile /usr/a\nlink /usr/b -> a\ndir /usr/c 0700 1:2\nfile /usr/d 4755\n", ""},
		"fifo":                {"-- layer 0 --\nfifo /usr/p\n", "BL118"},
		"character device":    {"-- layer 0 --\nchar /usr/null 1:3\n", "BL118"},
		"block device":        {"-- layer 0 --\nblock /var/lib/disk 7:0\n", "BL118"},
		"device in /dev":      {"-- layer 0 --\nchar /dev/null 1:3\nfile /usr/a\n", ""},
		"fifo in /run":        {"-- layer 0 --\nfifo /run/p\nfile /usr/a\n", ""},
		"hard link":           {"-- layer 0 --\nfile /usr/a\nhard /usr/b => /usr/a\n", ""},
		"hard link before":    {"-- layer 0 --\nhard /usr/b => /usr/a\nfile /usr/a\n", ""},
		"hard link out":       {"-- layer 0 --\nfile /usr/a\n-- layer 1 --\nhard /usr/b => /usr/a\n", "BL119"},
		"hard link to none":   {"-- layer 0 --\nhard /usr/b => /usr/a\n", "BL119"},
		"name":                {"-- layer 0 --\nfile \"/usr/a\\xff\"\n", "BL117"},
		"name of a directory": {"-- layer 0 --\nfile \"/usr/a\\xff/b\"\n", "BL117"},
		"UTF-8":               {"-- layer 0 --\nfile /usr/ä\n", ""},
		"link into /usr/etc":  {"-- layer 0 --\nlink /etc/p -> ../usr/etc/p\nfile /usr/etc/p/x\n", "BL115"},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := parseCase(t, txtar.Parse([]byte(c.layers)).Files)
			last := c2.layers[len(c2.layers)-1]
			file := filepath.Join(t.TempDir(), "layer.tar")
			must(t, os.WriteFile(file, last.imported(t), 0o644))
			_, err := testkit.OstreeCommit(t.Context(), file)
			if (err != nil) != (c.refused != "") {
				t.Errorf("ostree: %v", err)
			}
			if err != nil {
				t.Log(strings.TrimSpace(err.Error()))
			}
			l := lint.Linter{Rules: only("BL115", "BL117", "BL118", "BL119")}
			r, err := l.Image(t.Context(), name, c2.source(t).image(t))
			must(t, err)
			var got []string
			for _, f := range r.Findings {
				if !slices.Contains(got, f.Rule) {
					got = append(got, f.Rule)
				}
			}
			if want := strings.Fields(c.refused); !slices.Equal(got, want) {
				t.Errorf("lint says %v, want %v", r.Findings, want)
			}
		})
	}
}

// imported is the layer as ostree gets it.
func (l *caseLayer) imported(t testing.TB) []byte {
	t.Helper()
	var out caseLayer
	for _, e := range l.entries {
		moved := *e
		if slices.ContainsFunc([]string{"/dev", "/proc", "/run", "/sys", "/tmp"}, func(d string) bool { return e.Name == d || strings.HasPrefix(e.Name, d+"/") }) {
			continue
		}
		if e.Name == "/etc" || strings.HasPrefix(e.Name, "/etc/") {
			moved.Name = "/usr" + e.Name
		}
		out.entries = append(out.entries, &moved)
	}
	dirs := map[string]*caseEntry{"/.": directory("/.")} // each directory before what is in it
	for _, e := range out.entries {
		for _, dir := range parentsOf(e.Name) {
			dirs[dir] = directory(dir)
		}
	}
	out.entries = slices.DeleteFunc(out.entries, func(e *caseEntry) bool {
		if e.Typeflag == tar.TypeDir {
			dirs[e.Name] = e
		}
		return e.Typeflag == tar.TypeDir
	})
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(dirs))) {
		out.entries = slices.Insert(out.entries, 0, dirs[name])
	}
	return bytes.Clone(out.tar(t))
}
