package tree

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadDir reads a layer from the directory in which overlayfs has it: character devices 0:0 are whiteouts, and directories
// may be marked opaque. The directory is the caller's own, and nobody changes it meanwhile.
func ReadDir(dir string) (Layer, error) {
	var l Layer
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
		}
		e := Entry{Path: rel, Mode: info.Mode(), UID: int(st.Uid), GID: int(st.Gid), Size: info.Size()}
		switch {
		case info.Mode().Type() == fs.ModeSymlink:
			e.Size = 0
			if e.Link, err = os.Readlink(name); err != nil {
				return err
			}
		case info.Mode()&fs.ModeCharDevice != 0 && st.Rdev == 0:
			e.Whiteout = true
		case info.IsDir():
			e.Size = 0
			if opaque(name) {
				l.Entries = append(l.Entries, Entry{Path: rel, Whiteout: true, Opaque: true})
			}
		case info.Mode().IsRegular() && keep(rel) && info.Size() <= SmallFile:
			if e.Data, err = os.ReadFile(name); err != nil {
				return err
			}
		}
		l.Entries = append(l.Entries, e)
		return nil
	})
	return l, err
}

// opaque says whether overlayfs hides what lower layers have in the directory; the attribute has its name by who mounted it.
func opaque(dir string) bool {
	var v [2]byte
	for _, name := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		if n, err := unix.Lgetxattr(dir, name, v[:]); err == nil && n == 1 && v[0] == 'y' {
			return true
		}
	}
	return false
}
