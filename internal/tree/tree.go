package tree

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"
)

// Tree is a root file system: layers on top of each other. As an fs.FS it has names, modes, owners and links of
// everything, and the content of files that a layer kept or that Fetch brings.
type Tree struct {
	// Fetch returns the content of a file, found by the layer that has it and its path there. nil: what no layer kept is an
	// error.
	Fetch func(layer int, path string) ([]byte, error)

	nodes    map[string]node
	children map[string][]string // also of what is gone; sorted and weeded out when read
}

type node struct {
	Entry
	layer int
}

var (
	_ fs.ReadDirFS  = (*Tree)(nil)
	_ fs.ReadLinkFS = (*Tree)(nil)
)

// Merge puts layers on top of each other, the lowest first (image-spec, layer.md).
func Merge(layers ...Layer) *Tree {
	t := &Tree{nodes: map[string]node{}, children: map[string][]string{}}
	t.set(".", node{Entry: Entry{Path: ".", Mode: fs.ModeDir | 0o755}})
	for i, l := range layers {
		for _, e := range l.Entries { // a layer's whiteouts are about the layers below it
			if e.Whiteout {
				t.hide(e)
			}
		}
		for _, e := range l.Entries {
			if !e.Whiteout {
				t.put(e, i)
			}
		}
	}
	return t
}

func (t *Tree) hide(e Entry) {
	if n, ok := t.nodes[e.Path]; ok && n.Mode.IsDir() {
		t.removeBelow(e.Path)
	}
	if !e.Opaque {
		delete(t.nodes, e.Path)
	}
}

func (t *Tree) removeBelow(dir string) {
	for _, base := range t.children[dir] {
		p := path.Join(dir, base)
		t.removeBelow(p)
		delete(t.nodes, p)
	}
	delete(t.children, dir)
}

// set has n under name, also in its directory.
func (t *Tree) set(name string, n node) {
	if _, ok := t.nodes[name]; !ok && name != "." {
		t.children[path.Dir(name)] = append(t.children[path.Dir(name)], path.Base(name))
	}
	t.nodes[name] = n
}

func (t *Tree) put(e Entry, layer int) {
	old, there := t.nodes[e.Path]
	if there && old.Mode.IsDir() && !e.Mode.IsDir() {
		t.removeBelow(e.Path)
	}
	for dir := path.Dir(e.Path); dir != "."; dir = path.Dir(dir) { // directories that the layer takes for granted
		if _, ok := t.nodes[dir]; ok {
			break
		}
		t.set(dir, node{Entry{Path: dir, Mode: fs.ModeDir | 0o755, Assumed: true}, layer})
	}
	n := node{e, layer}
	if e.Hard {
		if target, ok := t.nodes[e.Link]; ok {
			n = target
			if n.Data == nil {
				n.Data = e.Data
			}
		}
	}
	t.set(e.Path, n)
}

// Lstat returns the file of that name; a symbolic link is not followed. Sys of the result is its Entry.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) {
	n, err := t.find("lstat", name)
	if err != nil {
		return nil, err
	}
	return info{path.Base(name), n.Entry}, nil
}

// ReadLink returns the target of a symbolic link.
func (t *Tree) ReadLink(name string) (string, error) {
	n, err := t.find("readlink", name)
	if err == nil && n.Mode.Type() != fs.ModeSymlink {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return n.Link, err
}

// ReadDir lists a directory.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name)
	if err == nil && !n.Mode.IsDir() {
		err = &fs.PathError{Op: "readdir", Path: name, Err: errors.New("is no directory")}
	}
	if err != nil {
		return nil, err
	}
	var out []fs.DirEntry
	for _, base := range slices.Compact(slices.Sorted(slices.Values(t.children[name]))) {
		if n, ok := t.nodes[path.Join(name, base)]; ok {
			out = append(out, fs.FileInfoToDirEntry(info{base, n.Entry}))
		}
	}
	return out, nil
}

// Open opens a regular file or a directory. A symbolic link is not followed: what follows them inside an image is the
// caller's business.
func (t *Tree) Open(name string) (fs.File, error) {
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	at := info{path.Base(name), n.Entry}
	switch {
	case n.Mode.IsDir():
		entries, err := t.ReadDir(name)
		return &openDir{at, entries}, err
	case !n.Mode.IsRegular():
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("is no regular file")}
	}
	data := n.Data
	if data == nil && n.Size > 0 {
		if t.Fetch == nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("its content is not at hand")}
		}
		if data, err = t.Fetch(n.layer, n.Path); err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
	return &openFile{bytes.NewReader(data), at}, nil
}

func (t *Tree) find(op, name string) (node, error) {
	if !fs.ValidPath(name) {
		return node{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n, ok := t.nodes[name]
	if !ok {
		return node{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, nil
}

// info is an Entry as fs.FileInfo.
type info struct {
	name  string
	entry Entry
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.entry.Size }
func (i info) Mode() fs.FileMode  { return i.entry.Mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.entry.Mode.IsDir() }
func (i info) Sys() any           { return i.entry }

type openFile struct {
	*bytes.Reader
	info info
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	info    info
	entries []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: errors.New("is a directory")}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 {
		n = len(d.entries)
	}
	n = min(n, len(d.entries))
	out := d.entries[:n]
	d.entries = d.entries[n:]
	return out, nil
}
