package lint

import (
	"iter"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/bootloom/bootloom/internal/symlink"
)

// Tree is a root file system: the files of all layers, merged as the device will see them. Before the build it has only
// what the Spec and Containerfile put there, and Whole is false.
type Tree struct {
	// Whole says that a file which is not here does not exist. Rules about missing files look at Missing, which heeds it.
	Whole bool

	files  []*File  // by path
	unseen []string // directories that could not be looked into
}

func newTree(layers []*Layer, whole bool) *Tree {
	lists := make([][]*File, len(layers))
	for i, l := range layers {
		lists[i] = make([]*File, len(l.Files))
		for j := range l.Files {
			lists[i][j] = &l.Files[j]
		}
	}
	t := &Tree{Whole: whole, files: visible(merge(lists))}
	for _, l := range layers {
		for _, p := range l.problems {
			if p.err == errUnseen {
				t.unseen = append(t.unseen, p.path)
			}
		}
	}
	return t
}

// Len is the number of files.
func (t *Tree) Len() int { return len(t.files) }

// All yields every file, by path in byte order.
func (t *Tree) All() iter.Seq[*File] { return slices.Values(t.files) }

// File returns the file at path, itself and not what it may link to; nil if there is none.
func (t *Tree) File(path string) *File {
	i, ok := slices.BinarySearchFunc(t.files, path, func(f *File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return nil
	}
	return t.files[i]
}

// Missing says that nothing is at path, for certain: it is false in a tree that is not whole, and below a directory that
// could not be looked into.
func (t *Tree) Missing(path string) bool {
	return t.Whole && t.File(path) == nil && !slices.ContainsFunc(t.unseen, func(dir string) bool { return under(path, dir) })
}

// Below yields what is below the directory, at any depth, by path.
func (t *Tree) Below(dir string) iter.Seq[*File] {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	return func(yield func(*File) bool) {
		for i := t.from(prefix); i < len(t.files) && strings.HasPrefix(t.files[i].Path, prefix); i++ {
			if t.files[i].Path != "/" && !yield(t.files[i]) {
				return
			}
		}
	}
}

// In yields what is in the directory itself, by path.
func (t *Tree) In(dir string) iter.Seq[*File] {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	return func(yield func(*File) bool) {
		for i := t.from(prefix); i < len(t.files) && strings.HasPrefix(t.files[i].Path, prefix); {
			f := t.files[i]
			rest := f.Path[len(prefix):]
			if slash := strings.IndexByte(rest, '/'); slash >= 0 { // further down: on to what comes after that directory
				i = t.from(prefix + rest[:slash] + "0") // "0" follows "/"
				continue
			}
			if rest != "" && !yield(f) {
				return
			}
			i++
		}
	}
}

// Glob yields the files that any of the patterns matches, pattern by pattern, each by path; see Want for patterns. One
// that cannot be read matches nothing.
func (t *Tree) Glob(patterns ...string) iter.Seq[*File] {
	return func(yield func(*File) bool) {
		for _, p := range patterns {
			g, err := compileGlob(p)
			if err != nil {
				continue
			}
			if g.literal {
				if f := t.File(g.prefix); f != nil && !yield(f) {
					return
				}
				continue
			}
			for f := range t.Below(g.prefix) {
				if g.match(f.Path) && !yield(f) {
					return
				}
			}
		}
	}
}

func (t *Tree) from(path string) int {
	return sort.Search(len(t.files), func(i int) bool { return t.files[i].Path >= path })
}

// Resolve follows symbolic links as a program in the image would, and returns where name ends up. The file is nil if
// that does not exist, or if the links go in circles; end is then the path that was looked for last, in which everything
// before the missing element is resolved.
func (t *Tree) Resolve(name string) (f *File, end string) {
	end, err := symlink.Resolve("/", path.Clean("/"+name), func(at string) (string, bool, error) {
		f := t.File(at)
		if f == nil || !f.IsLink() {
			return "", false, nil // a directory that has no entry of its own is no reason to stop
		}
		return f.Link, true, nil
	})
	if err != nil {
		return nil, end
	}
	return t.File(end), end
}
