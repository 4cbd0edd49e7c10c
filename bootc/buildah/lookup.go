//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// found is an entry of one layer, and the layers whose directories show through it.
type found struct {
	path  string // on the host
	info  fs.FileInfo
	below []string // directories of the same name in lower layers
}

// maxLinks is how many symbolic links Linux follows in one path (path_resolution(7)).
const maxLinks = 40

// lookup walks down from the root, one name at a time: each directory may be whole, merged or cut off by a layer. The
// last name is followed if it is a link and follow is set.
func (l layerFS) lookup(op, name string, follow bool) (found, error) {
	fail := func(err error) (found, error) { return found{}, &fs.PathError{Op: op, Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	if len(l.dirs) == 0 {
		return fail(fs.ErrNotExist)
	}
	info, err := os.Lstat(l.dirs[0])
	if err != nil {
		return fail(cause(err))
	}
	way := []found{{l.dirs[0], info, l.dirs[1:]}} // from the root to where we are
	todo := strings.Split(name, "/")
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			way = way[:max(1, len(way)-1)]
			continue
		}
		at := way[len(way)-1]
		if !at.info.IsDir() {
			return fail(fs.ErrNotExist)
		}
		next, err := step(append([]string{at.path}, at.below...), part)
		if err != nil {
			return fail(err)
		}
		if next.info.Mode().Type() != fs.ModeSymlink || len(todo) == 0 && !follow {
			way = append(way, next)
			continue
		}
		if links++; links > maxLinks {
			return fail(errors.New("too many symbolic links"))
		}
		target, err := os.Readlink(next.path)
		if err != nil {
			return fail(cause(err))
		}
		if path.IsAbs(target) {
			way = way[:1]
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return way[len(way)-1], nil
}

// step finds name in directories of one name.
func step(dirs []string, name string) (found, error) {
	var top found
	for _, dir := range dirs {
		p := filepath.Join(dir, name)
		info, err := os.Lstat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return found{}, cause(err)
		case whiteout(info):
			return ended(top)
		case top.info == nil && !info.IsDir():
			return found{path: p, info: info}, nil
		case top.info == nil:
			top = found{path: p, info: info}
		case !info.IsDir():
			return top, nil
		default:
			top.below = append(top.below, p)
		}
		if err == nil && opaque(p) || opaque(dir) {
			return ended(top)
		}
	}
	return ended(top)
}

func ended(top found) (found, error) {
	if top.info == nil {
		return found{}, fs.ErrNotExist
	}
	return top, nil
}

// whiteout says that overlayfs takes the entry for a deletion: a character device 0/0.
func whiteout(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&fs.ModeCharDevice != 0 && st.Rdev == 0
}

// opaque says that a directory hides those of lower layers (Documentation/filesystems/overlayfs.rst of Linux).
func opaque(dir string) bool {
	var b [1]byte
	for _, attr := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		if n, err := unix.Lgetxattr(dir, attr, b[:]); err == nil && n == 1 && b[0] == 'y' {
			return true
		}
	}
	return false
}

// cause takes off the path on the host.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
