package tree

import (
	"io/fs"
	"iter"

	"github.com/bootloom/bootloom/internal/symlink"
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

// Resolve follows the symbolic links in a path, absolute ones too, as a program in the image would, and returns where it ends.
// From the first element that does not exist on it stays as it is. A path that goes in circles ends where it was then.
func (t *Tree) Resolve(name string) string {
	links := 0
	end, _ := symlink.Resolve(".", name, func(at string) (string, bool, error) {
		n, ok := t.nodes[at]
		if !ok || n.Mode.Type() != fs.ModeSymlink || links == symlink.Max {
			return "", false, nil
		}
		links++
		return n.Link, true, nil
	})
	return end
}
