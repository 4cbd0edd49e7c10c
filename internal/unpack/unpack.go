// Package unpack applies the layers of an image to a directory (OCI image-spec 1.1, layer.md).
package unpack

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Layer applies one layer to root: whiteouts, opaque directories, hard links, modes and times, and as root also owners,
// devices and extended attributes. Paths and links that would leave root are an error.
func Layer(root *os.Root, r *tar.Reader) error {
	mine := map[string]bool{} // what this layer brings is not touched by its own whiteouts
	times := map[string]time.Time{}
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		name := cleanPath(h.Name)
		if name == "" {
			name = "."
		}
		if err := unpackEntry(root, name, h, r, mine); err != nil {
			return fmt.Errorf("unpack %s: %w", h.Name, err)
		}
		if h.Typeflag == tar.TypeDir {
			times[name] = h.ModTime // set last: writing into it changes it
		}
	}
	for name, t := range times {
		if err := root.Chtimes(name, t, t); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func unpackEntry(root *os.Root, name string, h *tar.Header, r io.Reader, mine map[string]bool) error {
	parent, base := path.Dir(name), path.Base(name)
	if gone, ok := strings.CutPrefix(base, ".wh."); ok {
		if gone == ".wh..opq" {
			return removeChildren(root, parent, mine)
		}
		return root.RemoveAll(path.Join(parent, gone))
	}
	for p := name; p != "."; p = path.Dir(p) {
		mine[p] = true
	}
	if err := root.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	if old, err := root.Lstat(name); err == nil && !(old.IsDir() && h.Typeflag == tar.TypeDir) {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := root.Symlink(h.Linkname, name); err != nil {
			return err
		}
	case tar.TypeLink:
		return root.Link(cleanPath(h.Linkname), name) // shares owner and mode with its other name
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		if err := makeNode(root, name, h); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown type %q", h.Typeflag)
	}
	return setMeta(root, name, h)
}

func setMeta(root *os.Root, name string, h *tar.Header) error {
	if os.Geteuid() == 0 {
		if err := root.Lchown(name, h.Uid, h.Gid); err != nil {
			return err
		}
		for k, v := range XAttrs(h) {
			if err := setxattr(filepath.Join(root.Name(), name), k, v); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	// After the owner, since a change of owner clears setuid.
	if err := root.Chmod(name, h.FileInfo().Mode()); err != nil {
		return err
	}
	return root.Chtimes(name, h.ModTime, h.ModTime)
}

func makeNode(root *os.Root, name string, h *tar.Header) error {
	kind := map[byte]uint32{tar.TypeChar: 0o020000, tar.TypeBlock: 0o060000, tar.TypeFifo: 0o010000}[h.Typeflag]
	return mknod(filepath.Join(root.Name(), name), kind|0o600, h.Devmajor, h.Devminor)
}

// removeChildren empties dir of what lower layers put there.
func removeChildren(root *os.Root, dir string, mine map[string]bool) error {
	f, err := root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, n := range names {
		p := path.Join(dir, n)
		if !mine[p] {
			err = root.RemoveAll(p)
		} else if fi, e := root.Lstat(p); e == nil && fi.IsDir() {
			err = removeChildren(root, p, mine)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cleanPath(p string) string { return strings.TrimPrefix(path.Clean("/"+p), "/") }

// XAttrs returns the extended attributes that h carries as PAX records, nil for none.
func XAttrs(h *tar.Header) map[string]string {
	var m map[string]string
	for k, v := range h.PAXRecords {
		if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
			if m == nil {
				m = map[string]string{}
			}
			m[name] = v
		}
	}
	return m
}
