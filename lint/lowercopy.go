package lint

import (
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// copy applies COPY.
func (c *changes) copy(step containerfile.Copy) {
	to := c.target(step.Dest, step.Chown, step.Chmod, len(step.Sources)+len(step.Heredocs))
	if to == nil {
		c.step.Opaque = true
		return
	}
	to.parents = step.Parents
	to.exclude = step.Exclude
	c.documents(to, step.Heredocs)
	if step.From == "" {
		c.sources(to, step.Sources)
		return
	}
	name, ok := c.step.Expand(step.From)
	stage, isStage := c.build.File.Lookup(name, c.step.Index.Stage)
	for _, source := range step.Sources {
		source, known := c.step.Expand(source)
		if !ok || !known || !isStage || strings.ContainsAny(source, "*?[") || !c.fromStage(to, c.stages[stage], path.Clean("/"+source)) {
			c.unknown(to, source, known)
		}
	}
}

// add applies ADD.
func (c *changes) add(step containerfile.Add) {
	to := c.target(step.Dest, step.Chown, step.Chmod, len(step.Sources)+len(step.Heredocs))
	if to == nil {
		c.step.Opaque = true
		return
	}
	to.exclude = step.Exclude
	c.documents(to, step.Heredocs)
	for _, source := range step.Sources {
		source, known := c.step.Expand(source)
		archive, isArchive := c.archives[source]
		switch {
		case isArchive:
			c.archive(to, archive)
		case !known || strings.Contains(source, "://") || strings.HasPrefix(source, "git@"):
			c.unknown(to, source, known)
		case c.context != nil && c.unpack(to, source):
		default:
			c.sources(to, []string{source})
		}
	}
}

// target is where COPY and ADD put things.
type target struct {
	path     string
	isDir    bool
	uid, gid uint32
	mode     fs.FileMode
	hasMode  bool
	parents  bool
	exclude  []string
}

func (c *changes) target(dest, chown, chmod string, sources int) *target {
	d, ok := c.step.Expand(dest)
	if !ok || d == "" || c.step.scope.dir == "" && !path.IsAbs(d) {
		return nil
	}
	t := &target{isDir: strings.HasSuffix(d, "/") || strings.HasSuffix(d, "/.") || d == "." || sources > 1}
	if !path.IsAbs(d) {
		d = path.Join(c.step.scope.dir, d)
	}
	t.path = path.Clean(d)
	t.isDir = t.isDir || c.isDir(t.path)
	if m, ok := c.step.Expand(chmod); ok && m != "" {
		t.mode, t.hasMode = parseMode(Word{Text: m, Known: true})
	}
	if o, ok := c.step.Expand(chown); ok {
		user, group, hasGroup := strings.Cut(o, ":")
		t.uid = number(user)
		if t.gid = t.uid; hasGroup {
			t.gid = number(group)
		}
	}
	return t
}

// number is a numeric id; names mean nothing before the image is built, and count as root.
func number(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// put makes a file below the target, or the target itself if rel is "".
func (c *changes) put(t *target, rel string, v *vfile) {
	v.Path = t.path
	if rel != "" && rel != "." {
		v.Path = path.Join(t.path, rel)
	}
	v.UID, v.GID = t.uid, t.gid
	if t.hasMode && !v.IsDir() && !v.IsLink() {
		v.Mode = v.Mode.Type() | t.mode
	}
	if v.Path == "/" || v.IsDir() && c.isDir(v.Path) { // it stays as it is
		return
	}
	c.make(v)
}

// unknown puts a file there of which nothing but the name is known.
func (c *changes) unknown(t *target, source string, known bool) {
	c.step.Opaque = true
	rel := ""
	if t.isDir {
		base := path.Base(strings.TrimSuffix(source, "/"))
		if !known || strings.ContainsAny(source, "*?[") || base == "." || base == "/" || strings.HasSuffix(source, "/") || !strings.Contains(base, ".") {
			return // it may be a directory, whose content goes there under names that nobody knows
		}
		rel = base
	}
	c.put(t, rel, &vfile{File: File{Mode: 0o644, more: &more{conf: Likely}}})
}

// fromStage puts what an earlier stage has at p; false if it is not known to have anything there.
func (c *changes) fromStage(t *target, root *stageRoot, p string) bool {
	found := false
	for _, name := range root.under(p) {
		f := root.files[name]
		found = true
		n := *f
		m := *f.extra()
		m.write, m.lines, m.fields = nil, [2]int{}, nil
		n.more = &m
		rel := strings.TrimPrefix(strings.TrimPrefix(name, p), "/")
		if rel == "" && !f.IsDir() && t.isDir {
			rel = path.Base(p)
		}
		mode := n.Mode
		c.put(t, rel, &n)
		if !t.hasMode {
			n.Mode = mode
		}
	}
	return found
}
