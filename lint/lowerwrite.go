package lint

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// write applies one change.
func (c *changes) write(w *Write) {
	old := c.root.files[w.Path]
	v := &vfile{File: File{Path: w.Path, Mode: 0o644, more: &more{write: w, lines: [2]int{w.Line, w.Line}}}}
	if w.HasMode {
		v.Mode = w.Mode
	} else if old != nil && !old.IsDir() {
		v.Mode, v.UID, v.GID = old.Mode, old.UID, old.GID
	}
	if w.Command.Maybe {
		v.more.conf = Likely
	}
	switch w.Op {
	case Create:
		if w.Known {
			v.fill(w.Content)
		} else if len(w.Content) > 0 { // with ${…} where nobody knows what stands there
			v.more.content, v.more.has = w.Content, hasPart
		}
	case Append:
		switch content, known := old.known(); {
		case known && w.Known:
			v.fill(slices.Concat(content, w.Content))
		case w.Known:
			v.more.content, v.more.has = w.Content, hasPart
		}
	case Edit:
	case Mkdir:
		v.Mode = fs.ModeDir | 0o755
		if w.HasMode {
			v.Mode = fs.ModeDir | w.Mode
		}
		if c.isDir(w.Path) {
			return
		}
	case Symlink:
		v.Mode, v.Link = fs.ModeSymlink|0o777, w.Link
		if c.isDir(w.Path) && w.Link != "" { // the link goes into it
			v.Path = strings.TrimSuffix(w.Path, "/") + "/" + w.Link[strings.LastIndexByte(w.Link, '/')+1:]
		}
	case Copy, Move:
		c.bring(w, v)
		return
	case Remove:
		c.forEach(w, func(p string) { c.remove(p, w.Below) })
		return
	case Chmod:
		if !w.HasMode {
			return
		}
		c.forEach(w, func(p string) {
			n := &vfile{File: File{Path: p, Mode: w.Mode, more: v.more}}
			if have := c.root.files[p]; have != nil {
				*n = *have
				n.Mode = have.Mode.Type() | w.Mode
			} else if w.Mode&fs.ModeSticky != 0 || c.isDir(p) {
				n.Mode |= fs.ModeDir
			}
			c.make(n)
		})
		return
	case Chown:
		return
	}
	c.make(v)
}

// bring applies cp, mv, install and ln.
func (c *changes) bring(w *Write, v *vfile) {
	if c.isDir(w.Path) && w.From != "" {
		v.Path = strings.TrimSuffix(w.Path, "/") + "/" + w.From[strings.LastIndexByte(w.From, '/')+1:]
	}
	from := c.root.files[w.From]
	if from == nil || w.From == "" {
		if w.Op == Move && w.From != "" {
			c.remove(w.From, true)
		}
		c.make(v)
		return
	}
	for _, name := range c.root.under(w.From) {
		f := c.root.files[name]
		n := *f
		m := *f.extra()
		m.write, m.lines = w, [2]int{w.Line, w.Line}
		n.more = &m
		n.Path = v.Path + strings.TrimPrefix(name, w.From)
		if w.HasMode && !n.IsDir() {
			n.Mode = w.Mode
		}
		c.make(&n)
	}
	if w.Op == Move {
		c.remove(w.From, true)
	}
}

// forEach calls f for the paths that a Write means: one, or those that match.
func (c *changes) forEach(w *Write, f func(string)) {
	if !w.Glob {
		f(w.Path)
		return
	}
	g, err := compileGlob(w.Path)
	if err != nil {
		return
	}
	for _, p := range slices.Sorted(maps.Keys(c.root.files)) {
		if g.match(p) {
			f(p)
		}
	}
}

// known is the content of a file that a step made.
func (v *vfile) known() ([]byte, bool) {
	if v == nil || v.open == nil || v.Size > defaultMax {
		return nil, false
	}
	r, err := v.open()
	if err != nil {
		return nil, false
	}
	b, err := io.ReadAll(r)
	return b, err == nil
}

func (v *vfile) fill(content []byte) {
	v.Size = int64(len(content))
	v.open = func() (io.Reader, error) { return bytes.NewReader(content), nil }
}
