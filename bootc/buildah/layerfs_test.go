//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/internal/testkit"
)

// TestLayerFS compares the merged view with what the kernel's overlayfs shows of the same layers.
func TestLayerFS(t *testing.T) {
	testkit.NeedRoot(t)       // to make whiteouts
	dirs := make([]string, 3) // topmost first
	for i := range dirs {
		dirs[i] = t.TempDir()
	}
	write := func(layer int, name, content string) {
		t.Helper()
		p := filepath.Join(dirs[layer], name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	whiteout := func(layer int, name string) {
		t.Helper()
		if err := unix.Mknod(filepath.Join(dirs[layer], name), unix.S_IFCHR, 0); err != nil {
			t.Fatal(err)
		}
	}
	write(2, "etc/a", "a2")
	write(2, "etc/b", "b2")
	write(2, "opaque/old", "old")
	write(2, "dir/file", "file")
	write(2, "gone/deep/x", "x")
	write(2, "became", "a file")
	write(1, "etc/b", "b1")
	whiteout(1, "etc/a")
	write(1, "opaque/new", "new")
	if err := unix.Setxattr(filepath.Join(dirs[1], "opaque"), "trusted.overlay.opaque", []byte("y"), 0); err != nil {
		t.Fatal(err)
	}
	whiteout(1, "gone")
	write(0, "etc/c", "c0")
	write(0, "became/a/dir", "dir")
	write(0, "gone/new", "new")
	write(0, "opaque/top", "top")
	for link, target := range map[string]string{"etc/abs": "/etc/b", "up": "../../..", "etc/rel": "b", "lib": "/etc", "etc/loop": "loop", "broken": "/etc/shadow"} {
		if err := os.Symlink(target, filepath.Join(dirs[0], link)); err != nil {
			t.Fatal(err)
		}
	}
	l := newLayerFS(dirs)
	for _, name := range []string{"etc/loop", "broken"} { // which TestFS wants to open
		if _, err := fs.ReadFile(l, name); err == nil {
			t.Errorf("%s can be read", name)
		}
		os.Remove(filepath.Join(dirs[0], name))
	}
	if err := fstest.TestFS(l, "etc/b", "etc/c", "dir/file", "opaque/new", "opaque/top", "became/a/dir", "gone/new"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"etc/b": "b1", "etc/c": "c0", "dir/file": "file", "opaque/new": "new", "gone/new": "new",
		"etc/abs": "b1", "etc/rel": "b1", "lib/b": "b1", "up/etc/b": "b1"} {
		if got, err := fs.ReadFile(l, name); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"etc/a", "opaque/old", "gone/deep", "gone/deep/x", "up/etc/passwd", "../etc/passwd", "/etc/passwd"} {
		if _, err := fs.Stat(l, name); err == nil {
			t.Errorf("%s exists", name)
		}
	}
	if target, err := fs.ReadLink(l, "etc/abs"); err != nil || target != "/etc/b" {
		t.Errorf("link is %q, %v", target, err)
	}

	merged := t.TempDir()
	err := unix.Mount("overlay", merged, "overlay", unix.MS_RDONLY, "lowerdir="+dirs[0]+":"+dirs[1]+":"+dirs[2])
	testkit.Need(t, fmt.Sprint("an overlay mount to compare with: ", err), err == nil)
	defer unix.Unmount(merged, 0)
	if got, want := list(t, l), list(t, os.DirFS(merged)); !slices.Equal(got, want) {
		t.Errorf("lists %q, the kernel %q", got, want)
	}
}

func list(t *testing.T, fsys fs.FS) (names []string) {
	t.Helper()
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		names = append(names, path+" "+d.Type().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
