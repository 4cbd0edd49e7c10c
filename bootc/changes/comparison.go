package changes

import (
	"context"
	"encoding/hex"
	"io/fs"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/tree"
	"github.com/bootloom/bootloom/registry"
)

// comparison is of two images. They share their lowest layers, as images of the same base do. What is in those is the same in
// both, unless a layer above hides it.
type comparison struct {
	reading  *reading
	from, to *registry.Reader
	shared   int // layers, from the lowest

	part   [2]*tree.Tree // what files has compared: the layers above the shared ones, or all
	isAll  bool
	change []string // paths
}

func newComparison(r *reading, from, to *registry.Reader) *comparison {
	c := &comparison{reading: r, from: from, to: to}
	for c.shared < min(len(from.Layers), len(to.Layers)) && sameLayer(from, to, c.shared) {
		c.shared++
	}
	return c
}

// sameLayer says that both images have the same layer there, however it is compressed.
func sameLayer(a, b *registry.Reader, i int) bool {
	x, y := a.Layers[i], b.Layers[i]
	return x.Digest == y.Digest || x.DiffID != "" && x.DiffID == y.DiffID
}

// files compares the files.
func (c *comparison) files(ctx context.Context) ([]File, error) {
	from, to, err := c.read(ctx, c.shared)
	if err != nil {
		return nil, err
	}
	c.merge(from, to)
	if !selfContained(from, to, c.part) {
		if _, _, err := c.whole(ctx); err != nil {
			return nil, err
		}
	}
	var out []File
	for name, old := range c.part[0].All() {
		f := File{Path: name, From: stat(old)}
		if new, ok := c.part[1].Lookup(name); ok {
			f.To = stat(new)
			if f.From == f.To {
				continue
			}
		}
		out = append(out, f)
	}
	for name, new := range c.part[1].All() {
		if _, ok := c.part[0].Lookup(name); !ok {
			out = append(out, File{Path: name, To: stat(new)})
		}
	}
	out = slices.DeleteFunc(out, func(f File) bool { return noFile(f.Path) })
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for i := range out {
		c.change = append(c.change, out[i].Path)
		out[i].Path = "/" + out[i].Path
	}
	return out, nil
}

// noFile says that a path is nothing that a device shows: the root, and the store of a chunked base image, whose files are
// hard links into it.
func noFile(name string) bool {
	return name == "." || name == "sysroot/ostree" || strings.HasPrefix(name, "sysroot/ostree/")
}

func cutLast(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// touches says that a path has changed which is one of those.
func (c *comparison) touches(is func(name string) bool) bool {
	return slices.ContainsFunc(c.change, is)
}

// read returns the layers of both images from the given one on.
func (c *comparison) read(ctx context.Context, first int) (from, to []tree.Layer, err error) {
	if from, err = c.reading.layers(ctx, c.from, first); err != nil {
		return nil, nil, err
	}
	to, err = c.reading.layers(ctx, c.to, first)
	return from, to, err
}

// whole returns both root file systems with all that is in them.
func (c *comparison) whole(ctx context.Context) (from, to *tree.Tree, err error) {
	if c.isAll {
		return c.part[0], c.part[1], nil
	}
	old, new, err := c.read(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	c.merge(old, new)
	c.isAll = true
	return c.part[0], c.part[1], nil
}

func (c *comparison) merge(from, to []tree.Layer) {
	for i, layers := range [][]tree.Layer{from, to} {
		c.part[i] = tree.Merge(layers...)
		c.part[i].Fetch = func(layer int, name string) ([]byte, error) { return c.reading.content(layers[layer], name) }
	}
}

// selfContained says that layers tell what changes without those below them: both sides have the same paths with the same
// types, and take nothing away. Otherwise it matters what is below a path that only one of them has.
func selfContained(from, to []tree.Layer, merged [2]*tree.Tree) bool {
	for i, layers := range [][]tree.Layer{from, to} {
		for _, l := range layers {
			for _, e := range l.Entries {
				if e.Whiteout {
					return false
				}
				if _, ok := merged[i].Lookup(e.Link); e.Hard && !ok {
					return false
				}
			}
		}
	}
	n := 0
	for name, e := range merged[0].All() {
		n++
		if other, ok := merged[1].Lookup(name); !ok || other.Mode.Type() != e.Mode.Type() || other.Assumed != e.Assumed {
			return false
		}
	}
	for range merged[1].All() {
		n--
	}
	return n == 0
}

func stat(e tree.Entry) Stat {
	s := Stat{Mode: e.Mode, UID: e.UID, GID: e.GID}
	switch {
	case e.Mode.IsRegular():
		s.Size, s.SHA256 = e.Size, hex.EncodeToString(e.Sum)
	case e.Mode.Type() == fs.ModeSymlink:
		s.Link, s.Mode = e.Link, fs.ModeSymlink|0o777
	}
	return s
}
