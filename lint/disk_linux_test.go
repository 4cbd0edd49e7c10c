package lint_test

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// onDisk says whether the layers can be written to directories: no paths that lead out of them.
func (c *testCase) onDisk() bool {
	for _, l := range c.layers {
		for _, e := range l.entries {
			if strings.Contains(e.Name, "..") || !path.IsAbs(e.Name) {
				return false
			}
		}
	}
	return true
}

// dir writes layer n to a directory as overlayfs keeps it, with copies of the directories above its entries.
func (c *testCase) dir(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	var links []*caseEntry
	for _, e := range c.layers[n].entries {
		for _, parent := range parentsOf(e.Name) {
			if _, err := os.Lstat(filepath.Join(dir, parent)); err != nil {
				c.lower(parent, n).write(t, dir)
			}
		}
		if e.Typeflag == tar.TypeLink {
			links = append(links, e)
			continue
		}
		e.write(t, dir)
	}
	for _, e := range links {
		at := filepath.Join(dir, e.Name)
		if err := os.Link(filepath.Join(dir, e.Linkname), at); errors.Is(err, fs.ErrNotExist) {
			err = os.WriteFile(at, nil, 0o644) // what it links to is in another layer: a copy, as overlayfs makes one
			must(t, err)
		}
	}
	return dir
}

// lower is the directory as the layers below n have it.
func (c *testCase) lower(name string, n int) *caseEntry {
	for i := n - 1; i >= 0; i-- {
		for _, e := range c.layers[i].entries {
			if e.Name == name && e.Typeflag == tar.TypeDir && !e.opaque {
				return e
			}
		}
	}
	return directory(name)
}

func (e *caseEntry) write(t testing.TB, dir string) {
	t.Helper()
	at := filepath.Join(dir, e.Name)
	switch {
	case e.void && len(e.below(t, dir)) > 0:
		must(t, unix.Setxattr(at, "trusted.overlay.opaque", []byte("y"), 0))
		return
	case e.void:
		must(t, unix.Mknod(at, unix.S_IFCHR, 0))
		return
	case e.opaque:
		must(t, os.MkdirAll(at, 0o755))
		must(t, unix.Setxattr(at, "trusted.overlay.opaque", []byte("y"), 0))
		return
	}
	replaced := false
	if st, err := os.Lstat(at); err == nil && st.Mode()&fs.ModeCharDevice != 0 && e.Typeflag == tar.TypeDir {
		replaced = true
	}
	if e.Typeflag != tar.TypeDir || replaced {
		os.RemoveAll(at)
	}
	device := int(unix.Mkdev(uint32(e.Devmajor), uint32(e.Devminor)))
	switch e.Typeflag {
	case tar.TypeReg:
		must(t, os.WriteFile(at, []byte(e.content), 0o600))
	case tar.TypeDir:
		must(t, os.MkdirAll(at, 0o755))
		if replaced {
			must(t, unix.Setxattr(at, "trusted.overlay.opaque", []byte("y"), 0))
		}
	case tar.TypeSymlink:
		must(t, os.Symlink(e.Linkname, at))
	case tar.TypeFifo:
		must(t, unix.Mknod(at, unix.S_IFIFO, 0))
	case tar.TypeChar:
		must(t, unix.Mknod(at, unix.S_IFCHR, device))
	case tar.TypeBlock:
		must(t, unix.Mknod(at, unix.S_IFBLK, device))
	}
	must(t, os.Lchown(at, e.Uid, e.Gid))
	if e.Typeflag != tar.TypeSymlink {
		must(t, unix.Chmod(at, uint32(e.Mode)))
	}
	for name, value := range e.PAXRecords {
		if name = strings.TrimPrefix(name, "SCHILY.xattr."); name == "security.capability" {
			must(t, unix.Setxattr(at, name, []byte(value), 0))
		}
	}
}

// below is what the directory has where the entry goes.
func (e *caseEntry) below(t testing.TB, dir string) []os.DirEntry {
	t.Helper()
	list, _ := os.ReadDir(filepath.Join(dir, e.Name))
	return list
}

// merged writes all layers into one directory, as a runtime unpacks them.
func (c *testCase) merged(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, l := range c.layers {
		for _, e := range l.entries { // what a layer deletes was there before the layer
			at := filepath.Join(dir, e.Name)
			if e.void {
				must(t, os.RemoveAll(at))
			} else if e.opaque {
				list, _ := os.ReadDir(at)
				for _, x := range list {
					must(t, os.RemoveAll(filepath.Join(at, x.Name())))
				}
			}
		}
		for _, e := range l.entries {
			at := filepath.Join(dir, e.Name)
			if st, err := os.Lstat(at); err == nil && (!st.IsDir() || e.Typeflag != tar.TypeDir) && !e.void {
				must(t, os.RemoveAll(at))
			}
			switch {
			case e.void:
			case e.opaque:
				must(t, os.MkdirAll(at, 0o755))
			case e.Typeflag != tar.TypeLink:
				e.write(t, dir)
			}
		}
		for _, e := range l.entries {
			if e.Typeflag == tar.TypeLink {
				if err := os.Link(filepath.Join(dir, e.Linkname), filepath.Join(dir, e.Name)); !errors.Is(err, fs.ErrNotExist) {
					must(t, err)
				}
			}
		}
	}
	return dir
}
