package tree

import (
	"io/fs"
	"iter"
	"path"
	"strings"
)

// All yields every file with its path, in no order. The path of a hard link is its own, and all else that of its target.
func (t *Tree) All() iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		for name, n := range t.nodes {
			if !yield(name, n.Entry) {
				return
			}
		}
	}
}

// Lookup returns the file of that path; a symbolic link is not followed.
func (t *Tree) Lookup(name string) (Entry, bool) {
	n, ok := t.nodes[name]
	return n.Entry, ok
}

// maxLinks is how many symbolic links Linux follows in one path (path_resolution(7)).
const maxLinks = 40

// Resolve follows the symbolic links in a path, absolute ones too, as a program in the image would, and returns where it ends.
// From the first element that does not exist on it stays as it is. A path that goes in circles ends where it was then.
func (t *Tree) Resolve(name string) string {
	todo := strings.Split(name, "/")
	at, links := ".", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		n, ok := t.nodes[next]
		if !ok || n.Mode.Type() != fs.ModeSymlink || links == maxLinks {
			at = next
			continue
		}
		links++
		if path.IsAbs(n.Link) {
			at = "."
		}
		todo = append(strings.Split(n.Link, "/"), todo...)
	}
	return at
}
