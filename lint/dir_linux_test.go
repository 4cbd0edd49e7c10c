package lint_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/lint"
)

// looking is a Linter whose one rule shows what it can see of a root.
func looking(t *testing.T, look func(*lint.Facts), globs ...string) lint.Linter {
	t.Helper()
	return lint.Linter{Rules: append(only("BL004", "BL005"), lint.Rule{ID: "ACME1", Slug: "acme", Severity: lint.Note, Stages: lint.InRoot,
		Wants: lint.Reading(globs...), Check: func(f *lint.Facts, _ func(lint.Finding)) { look(f) }})}
}

// TestDirEscapes wants nothing outside the directory to be read, and nothing to hang, whatever is in it.
func TestDirEscapes(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("outside"), 0o644))
	must(t, os.Symlink(outside, filepath.Join(dir, "etc")))
	must(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "secret")))
	must(t, os.Symlink("self", filepath.Join(dir, "self")))
	must(t, os.Symlink("../../../../../../../../etc/passwd", filepath.Join(dir, "up")))
	must(t, os.MkdirAll(filepath.Join(dir, "usr"), 0o755))
	must(t, unix.Mkfifo(filepath.Join(dir, "usr", "fifo"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "usr", "file"), []byte("inside"), 0o644))
	l := looking(t, func(f *lint.Facts) {
		for file := range f.Root.All() {
			if strings.Contains(file.Text(), "outside") || under(file.Path, "/etc/") {
				t.Errorf("%s: %q", file.Path, file.Text())
			}
		}
		if got := f.Root.File("/usr/file").Text(); got != "inside" {
			t.Errorf("/usr/file: %q", got)
		}
		for name, want := range map[string]string{"/self": "", "/self/x": "", "/up": "", "/usr/../usr/file": "/usr/file", "/secret": ""} {
			got := ""
			if file, _ := f.Root.Resolve(name); file != nil {
				got = file.Path
			}
			if got != want {
				t.Errorf("%s resolves to %q, want %q", name, got, want)
			}
		}
	}, "/etc/*", "/secret", "/up", "/usr/**", "/self")
	r, err := l.Dir(t.Context(), dir)
	must(t, err)
	if len(r.Findings) > 0 {
		t.Errorf("found %v", r.Findings)
	}
}

func under(p, dir string) bool { return strings.HasPrefix(p, dir) }

// TestDirMounts wants a mount point to be seen, and not looked into.
func TestDirMounts(t *testing.T) {
	testkit.NeedRoot(t)
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	must(t, os.MkdirAll(run, 0o755))
	if err := unix.Mount("tmpfs", run, "tmpfs", 0, "size=64k"); err != nil {
		testkit.Need(t, "the right to mount: "+err.Error(), false)
	}
	defer unix.Unmount(run, 0)
	must(t, os.WriteFile(filepath.Join(run, "x"), nil, 0o644))
	l := looking(t, func(f *lint.Facts) {
		if d := f.Root.File("/run"); d == nil || !d.MountPoint() || f.Root.File("/run/x") != nil {
			t.Errorf("/run: %+v", d)
		}
	})
	_, err := l.Dir(t.Context(), dir)
	must(t, err)
}

// TestDirUnreadable wants a directory that may not be read to be a note, and what is in it not to count as missing.
func TestDirUnreadable(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed")
	must(t, os.MkdirAll(closed, 0o755))
	must(t, os.WriteFile(filepath.Join(closed, "x"), nil, 0o644))
	must(t, os.Chmod(closed, 0))
	defer os.Chmod(closed, 0o755)
	if os.Geteuid() == 0 {
		restore := asUser(t, 65534, dir)
		defer restore()
	}
	l := looking(t, func(f *lint.Facts) {
		if f.Root.Missing("/closed/x") || !f.Root.Missing("/other") {
			t.Errorf("missing: %t, %t", f.Root.Missing("/closed/x"), f.Root.Missing("/other"))
		}
	})
	r, err := l.Dir(t.Context(), dir)
	must(t, err)
	if len(r.Findings) != 1 || r.Findings[0].Rule != "BL005" || r.Findings[0].Path != "/closed" {
		t.Errorf("found %v", r.Findings)
	}
}

// asUser makes all threads of this process another user for file access, until restore.
func asUser(t *testing.T, uid int, dirs ...string) (restore func()) {
	t.Helper()
	for _, dir := range dirs {
		for ; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) { // the way to it
			must(t, os.Chmod(dir, 0o755))
		}
	}
	must(t, unix.Setresuid(-1, uid, 0))
	return func() { must(t, unix.Setresuid(-1, 0, 0)) }
}

// TestRoot wants the same of a directory and of any other file system with the same files.
func TestRoot(t *testing.T) {
	files := fstest.MapFS{
		"usr/lib/bootc/kargs.d/10.toml": {Data: []byte("kargs = 1\n"), Mode: 0o644},
		"usr/lib/modules/6/vmlinuz":     {Data: []byte("x"), Mode: 0o666},
		"var/run":                       {Mode: os.ModeDir | 0o755},
	}
	l := lint.Linter{Rules: only("BL105", "BL103", "BL116", "BL214")}
	fromFS, err := l.Root(t.Context(), "x", files)
	must(t, err)
	dir := t.TempDir()
	must(t, os.CopyFS(dir, files))
	must(t, os.Chmod(filepath.Join(dir, "usr/lib/modules/6/vmlinuz"), 0o666))
	fromDir, err := l.Dir(t.Context(), dir)
	must(t, err)
	texts := func(r lint.Report) (out []string) {
		for _, f := range r.Findings {
			out = append(out, f.String())
		}
		return out
	}
	if a, b := texts(fromFS), texts(fromDir); !slices.Equal(a, b) || len(a) != 4 {
		t.Errorf("%q\n%q", a, b)
	}
	if _, err := l.Dir(t.Context(), filepath.Join(dir, "nothing")); err == nil {
		t.Error("a directory that does not exist was linted")
	}
}
