package lint

import (
	"bytes"
	"io/fs"
	"path"
	"time"
)

// treeFS is a root as a file system, for code that asks one for files. Of a file whose content is not known it says that it is there.
type treeFS struct{ *Tree }

// treeInfo is a file of it.
type treeInfo struct {
	name string
	mode fs.FileMode
	size int64
}

func (i treeInfo) Name() string       { return i.name }
func (i treeInfo) Size() int64        { return i.size }
func (i treeInfo) Mode() fs.FileMode  { return i.mode }
func (i treeInfo) ModTime() time.Time { return time.Time{} }
func (i treeInfo) IsDir() bool        { return i.mode.IsDir() }
func (i treeInfo) Sys() any           { return nil }

// Lstat is that of the file itself. A directory need not have an entry of its own.
func (t treeFS) Lstat(name string) (fs.FileInfo, error) {
	p := path.Join("/", name)
	if f := t.File(p); f != nil {
		return treeInfo{path.Base(name), f.Mode, f.Size}, nil
	}
	for range t.Below(p) {
		return treeInfo{path.Base(name), fs.ModeDir | 0o755, 0}, nil
	}
	return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
}

// ReadLink is the target of a link.
func (t treeFS) ReadLink(name string) (string, error) {
	f := t.File(path.Join("/", name))
	if f == nil || !f.IsLink() {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return f.Link, nil
}

// Open opens a regular file whose content is known, links followed.
func (t treeFS) Open(name string) (fs.File, error) {
	f, _ := t.Resolve(path.Join("/", name))
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	content, known := f.Content()
	if !known {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return &treeFile{bytes.NewReader(content), treeInfo{path.Base(name), f.Mode, int64(len(content))}}, nil
}

type treeFile struct {
	*bytes.Reader
	info treeInfo
}

func (f *treeFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *treeFile) Close() error               { return nil }
