//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// layerFS is the root file system of an image, read from the directories of its layers as overlayfs would merge them.
// Symbolic links are followed as a program in the image would follow them, so none leads out of it.
type layerFS struct{ dirs []string } // topmost first

var (
	_ fs.ReadDirFS  = layerFS{}
	_ fs.StatFS     = layerFS{}
	_ fs.ReadLinkFS = layerFS{}
)

func newLayerFS(dirs []string) fs.FS { return layerFS{dirs} }

// there says whether the layers still are where they were.
func (l layerFS) there() bool {
	return !slices.ContainsFunc(l.dirs, func(dir string) bool {
		_, err := os.Stat(dir)
		return err != nil
	})
}

// Open implements fs.FS.
func (l layerFS) Open(name string) (fs.File, error) {
	at, err := l.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	switch {
	case at.info.IsDir():
		entries, err := l.ReadDir(name)
		if err != nil {
			return nil, err
		}
		return &layerDir{info: named{at.info, path.Base(name)}, entries: entries}, nil
	case !at.info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	// The store's layers are this user's own; NOFOLLOW is for one who swaps a file meanwhile.
	f, err := os.OpenFile(at.path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: cause(err)}
	}
	return &layerFile{f, path.Base(name)}, nil
}

// layerFile is an open file that says the name it was opened by, which may be a link's.
type layerFile struct {
	*os.File
	name string
}

func (f *layerFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return named{info, f.name}, err
}

// Stat implements fs.StatFS.
func (l layerFS) Stat(name string) (fs.FileInfo, error) { return l.stat(name, true) }

// Lstat implements fs.ReadLinkFS.
func (l layerFS) Lstat(name string) (fs.FileInfo, error) { return l.stat(name, false) }

func (l layerFS) stat(name string, follow bool) (fs.FileInfo, error) {
	at, err := l.lookup("stat", name, follow)
	if err != nil {
		return nil, err
	}
	return named{at.info, path.Base(name)}, nil
}

// ReadLink implements fs.ReadLinkFS.
func (l layerFS) ReadLink(name string) (string, error) {
	at, err := l.lookup("readlink", name, false)
	if err != nil {
		return "", err
	}
	target, err := os.Readlink(at.path)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: cause(err)}
	}
	return target, nil
}

// ReadDir implements fs.ReadDirFS.
func (l layerFS) ReadDir(name string) ([]fs.DirEntry, error) {
	at, err := l.lookup("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if !at.info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	seen := map[string]bool{}
	var out []fs.DirEntry
	for _, dir := range append([]string{at.path}, at.below...) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: name, Err: cause(err)}
		}
		for _, e := range entries {
			if seen[e.Name()] {
				continue
			}
			seen[e.Name()] = true
			if info, err := e.Info(); err == nil && !whiteout(info) {
				out = append(out, fs.FileInfoToDirEntry(info))
			}
		}
		if opaque(dir) {
			break
		}
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return out, nil
}

// layerDir is an open directory.
type layerDir struct {
	info    fs.FileInfo
	entries []fs.DirEntry
}

func (d *layerDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *layerDir) Close() error               { return nil }
func (d *layerDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: errors.New("is a directory")}
}

func (d *layerDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.entries) {
		if n > 0 && len(d.entries) == 0 {
			return nil, io.EOF
		}
		n = len(d.entries)
	}
	out := d.entries[:n]
	d.entries = d.entries[n:]
	return out, nil
}

// named gives the root its name.
type named struct {
	fs.FileInfo
	name string
}

func (n named) Name() string { return n.name }
