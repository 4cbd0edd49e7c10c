// Package tree knows the root file system of an image from its layers, without unpacking them: what is where, with mode
// and owner, and the text of small files that say what the system is.
package tree

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Entry is one line of a layer.
type Entry struct {
	Path     string // relative and clean: "etc/passwd"
	Mode     fs.FileMode
	UID, GID int
	Size     int64
	Link     string // target of a symbolic link, or the path that a hard link names
	Hard     bool
	Whiteout bool   // Path is taken away; with Opaque, what lower layers have below it
	Opaque   bool   // see Whiteout
	Assumed  bool   // a directory that has to be there, though no layer says so; only in a Tree
	Data     []byte // of a file that was to be kept; nil otherwise
	Sum      []byte // SHA-256 of a regular file's content, if it was asked for; that of a hard link is with its target
}

// Layer is what one layer says, in its order.
type Layer struct{ Entries []Entry }

// Limits of what a layer may hold: more than any image that boots, and little enough to stay in memory.
const (
	MaxEntries = 4 << 20
	maxName    = 1 << 12
	maxFetch   = 16 << 20
)

// Reading says what of a layer is worth having beside names, modes and owners.
type Reading struct {
	// Keep is up to which size the content of a file is kept, by its path; 0 for one that is not. A file of ostree, to which
	// chunked images link their real paths, has to be small or an SQLite file: nobody knows yet what it will be called.
	Keep func(path string) int64
	// Max is how much a layer's kept content may have in all; what is beyond is not kept.
	Max int64
	// Sums fills Entry.Sum.
	Sums bool
}

// Facts is the reading for what tells systems apart.
var Facts = Reading{Max: 64 << 20, Keep: func(path string) int64 {
	if keep(path) {
		return SmallFile
	}
	return 0
}}

// SmallFile is the size of files that are kept without much thought.
const SmallFile = 64 << 10

// ErrTooLarge is in the chain of errors about layers beyond the limits.
var ErrTooLarge = errors.New("the layer is larger than any that is read")

// keep says whether the text of a file is worth having: what tells systems apart, and where they are configured.
func keep(name string) bool {
	if strings.HasPrefix(name, "etc/") {
		return true
	}
	rest, ok := strings.CutPrefix(name, "usr/lib/")
	if !ok {
		return strings.HasPrefix(name, "usr/share/containers/")
	}
	first, _, below := strings.Cut(rest, "/")
	switch first {
	case "systemd", "bootc", "ostree", "sysusers.d", "tmpfiles.d", "image-builder":
		return true
	}
	return !below // os-release, passwd, group
}

// object says whether a path is one of ostree's objects, to which chunked images link their real paths.
func object(name string) bool { return strings.HasPrefix(name, "sysroot/ostree/repo/objects/") }

// ReadLayer reads a layer, compressed by gzip or zstd or not at all, for Facts.
func ReadLayer(r io.Reader) (Layer, error) { return Facts.Layer(r) }

// Layer reads a layer, compressed by gzip or zstd or not at all.
func (o Reading) Layer(r io.Reader) (Layer, error) {
	plain, err := Decompress(r)
	if err != nil {
		return Layer{}, err
	}
	defer plain.Close()
	var l Layer
	objects, kept := map[string][]byte{}, int64(0)
	for tr := tar.NewReader(plain); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Layer{}, err
		}
		e, ok := entry(h)
		if !ok {
			continue
		}
		if len(l.Entries) == MaxEntries || len(h.Name) > maxName || len(h.Linkname) > maxName {
			return Layer{}, fmt.Errorf("%w: more than %d entries, or a name of more than %d bytes", ErrTooLarge, MaxEntries, maxName)
		}
		if (h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse) && !e.Whiteout {
			data, err := o.content(&e, tr, kept)
			if err != nil {
				return Layer{}, err
			}
			kept += int64(len(data))
			if object(e.Path) {
				objects[e.Path] = data
			} else {
				e.Data = data
			}
		}
		if data := objects[e.Link]; e.Hard && data != nil && int64(len(data)) <= o.Keep(e.Path) {
			e.Data = data
		}
		l.Entries = append(l.Entries, e)
	}
	_, err = io.Copy(io.Discard, r) // what follows the tar is part of the blob that is checked
	return l, err
}

// content reads a regular file as far as somebody wants it. kept is what the layer has kept before.
func (o Reading) content(e *Entry, r io.Reader, kept int64) (data []byte, err error) {
	sum := sha256.New()
	if o.Sums {
		r = io.TeeReader(r, sum)
	}
	limit := int64(0)
	if object(e.Path) {
		in := bufio.NewReader(r)
		if limit = SmallFile; isSQLite(in) {
			limit = o.Max
		}
		r = in
	} else {
		limit = o.Keep(e.Path)
	}
	switch {
	case e.Size <= limit && kept+e.Size <= o.Max:
		data = make([]byte, e.Size)
		_, err = io.ReadFull(r, data)
	case o.Sums:
		_, err = io.CopyN(io.Discard, r, e.Size)
	}
	if o.Sums {
		e.Sum = sum.Sum(nil)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return data, err
}

// isSQLite looks whether a file is a database of SQLite or its write-ahead log.
func isSQLite(r *bufio.Reader) bool {
	head, _ := r.Peek(16)
	return string(head) == "SQLite format 3\x00" || bytes.HasPrefix(head, []byte("\x37\x7f\x06\x82")) || bytes.HasPrefix(head, []byte("\x37\x7f\x06\x83"))
}

// ReadFile reads one regular file of a layer, of at most 16 MiB, by its path there.
func ReadFile(r io.Reader, name string) ([]byte, error) {
	plain, err := Decompress(r)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	for tr := tar.NewReader(plain); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return nil, fs.ErrNotExist
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg || path.Clean("/" + h.Name)[1:] != name {
			continue
		}
		if h.Size > maxFetch {
			return nil, fmt.Errorf("%w: %s has %d bytes", ErrTooLarge, name, h.Size)
		}
		return io.ReadAll(tr)
	}
}

// entry is a tar header as an Entry; what no root file system has is left out.
func entry(h *tar.Header) (Entry, bool) {
	name := path.Clean("/" + h.Name)[1:]
	e := Entry{Path: name, UID: h.Uid, GID: h.Gid, Size: h.Size, Mode: h.FileInfo().Mode()}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeGNUSparse:
	case tar.TypeSymlink:
		e.Link = h.Linkname
	case tar.TypeLink:
		e.Link, e.Hard = path.Clean("/" + h.Linkname)[1:], true
	default:
		return e, false
	}
	// image-spec, layer.md: whiteouts
	dir, base := path.Split(name)
	switch {
	case base == ".wh..wh..opq":
		e.Path, e.Whiteout, e.Opaque = path.Dir(name), true, true
	case strings.HasPrefix(base, ".wh..wh."):
		return e, false // of aufs
	case strings.HasPrefix(base, ".wh."):
		e.Path, e.Whiteout = dir+strings.TrimPrefix(base, ".wh."), true
	case name == "":
		e.Path = "."
	}
	return e, true
}

// Decompress finds out by the first bytes what a layer is compressed with.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, _ := in.Peek(4)
	switch {
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		return gzip.NewReader(in)
	case len(head) == 4 && head[0] == 0x28 && head[1] == 0xb5 && head[2] == 0x2f && head[3] == 0xfd:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(in), nil
}
