package direct

import (
	"io/fs"

	"github.com/bootloom/bootloom/internal/tree"
)

// lazy is a root file system that is read when it is first looked at.
type lazy struct {
	tree func() (*tree.Tree, error)
}

var (
	_ fs.ReadDirFS  = lazy{}
	_ fs.ReadLinkFS = lazy{}
)

// on asks the tree, or says why there is none.
func on[T any](l lazy, op, name string, ask func(*tree.Tree) (T, error)) (T, error) {
	t, err := l.tree()
	if err != nil {
		var none T
		return none, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return ask(t)
}

// Open implements fs.FS.
func (l lazy) Open(name string) (fs.File, error) {
	return on(l, "open", name, func(t *tree.Tree) (fs.File, error) { return t.Open(name) })
}

// ReadDir implements fs.ReadDirFS.
func (l lazy) ReadDir(name string) ([]fs.DirEntry, error) {
	return on(l, "readdir", name, func(t *tree.Tree) ([]fs.DirEntry, error) { return t.ReadDir(name) })
}

// ReadLink implements fs.ReadLinkFS.
func (l lazy) ReadLink(name string) (string, error) {
	return on(l, "readlink", name, func(t *tree.Tree) (string, error) { return t.ReadLink(name) })
}

// Lstat implements fs.ReadLinkFS.
func (l lazy) Lstat(name string) (fs.FileInfo, error) {
	return on(l, "lstat", name, func(t *tree.Tree) (fs.FileInfo, error) { return t.Lstat(name) })
}
