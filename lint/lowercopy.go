package lint

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/bootloom/bootloom/bootc"
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

// documents puts here-documents.
func (c *changes) documents(t *target, docs []containerfile.Heredoc) {
	for _, d := range docs {
		body := d.Body
		if d.StripTabs {
			lines := strings.SplitAfter(body, "\n")
			for i := range lines {
				lines[i] = strings.TrimLeft(lines[i], "\t")
			}
			body = strings.Join(lines, "")
		}
		v := &vfile{File: File{Mode: 0o644}}
		known := true
		if !d.Literal {
			body, known = c.step.Expand(body)
		}
		if known {
			v.fill([]byte(body))
		}
		rel := ""
		if t.isDir {
			rel = d.Name
		}
		c.put(t, rel, v)
	}
}

// sources puts files of the build context.
func (c *changes) sources(t *target, sources []string) {
	for _, source := range sources {
		source, known := c.step.Expand(source)
		if !known || c.context == nil {
			c.unknown(t, source, known)
			continue
		}
		pattern := strings.TrimPrefix(path.Clean("/"+source), "/")
		if pattern == "" {
			pattern = "."
		}
		names, err := fs.Glob(c.context, pattern)
		if err != nil || len(names) == 0 {
			c.unknown(t, source, known)
			continue
		}
		several := strings.ContainsAny(pattern, "*?[")
		for _, name := range names {
			if c.ignored(name) {
				continue
			}
			c.fromContext(t, name, t.isDir || several)
		}
	}
}

// fromContext puts a file, or what is in a directory.
func (c *changes) fromContext(t *target, name string, intoDir bool) {
	info, err := fs.Stat(c.context, name) // builders follow links of the context
	if err != nil {
		c.unknown(t, name, true)
		return
	}
	if !info.IsDir() {
		rel := ""
		if intoDir {
			rel = path.Base(name)
		}
		if t.parents {
			rel = name
		}
		c.contextFile(t, rel, name, info)
		return
	}
	count := 0
	err = fs.WalkDir(c.context, name, func(p string, d fs.DirEntry, err error) error {
		if count++; err != nil || count > c.limits.Entries {
			return errors.Join(err, fs.SkipAll)
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(p, name), "/")
		if name == "." {
			rel = p
		}
		if slices.ContainsFunc(t.exclude, func(x string) bool { ok, _ := path.Match(x, rel); return ok }) {
			return nil
		}
		info, err := d.Info()
		if err != nil || c.ignored(p) && !d.IsDir() { // a later pattern may take a file below back in
			return nil
		}
		if t.parents {
			rel = p
		}
		c.contextFile(t, rel, p, info)
		return nil
	})
	if err != nil {
		c.step.Opaque = true
	}
}

func (c *changes) contextFile(t *target, rel, name string, info fs.FileInfo) {
	v := &vfile{File: File{Mode: info.Mode() & (fs.ModeType | fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)}}
	switch v.Mode.Type() {
	case 0:
		v.Size = info.Size()
		v.open = func() (io.Reader, error) {
			b, err := fs.ReadFile(c.context, name)
			return strings.NewReader(string(b)), err
		}
	case fs.ModeSymlink:
		v.Link, _ = fs.ReadLink(c.context, name)
	}
	c.put(t, rel, v)
}

// fromStage puts what an earlier stage has at p; false if it is not known to have anything there.
func (c *changes) fromStage(t *target, root map[string]*vfile, p string) bool {
	found := false
	for name, f := range root {
		if !under(name, p) {
			continue
		}
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

// archive puts what a Plan's ADD unpacks.
func (c *changes) archive(t *target, a bootc.Archive) {
	for _, e := range a.Entries {
		v := &vfile{File: File{Path: path.Join(t.path, e.Path), Mode: e.Mode, UID: uint32(e.UID), GID: uint32(e.GID), Link: e.Link}}
		if e.Mode.IsRegular() {
			size, err := e.Content.Size()
			if err == nil {
				v.Size = size
				v.open = func() (io.Reader, error) { return e.Content.Open() }
			}
		}
		v.more = &more{fields: e.Features}
		c.make(v)
	}
}

// unpack puts what is in a tar file of the context; false if it is none.
func (c *changes) unpack(t *target, source string) bool {
	f, err := c.context.Open(strings.TrimPrefix(path.Clean("/"+source), "/"))
	if err != nil {
		return false
	}
	defer f.Close()
	r, ok := plainTar(f)
	if !ok {
		return false
	}
	tr := tar.NewReader(io.LimitReader(r, c.limits.Bytes))
	for n := 0; n < c.limits.Entries; n++ {
		h, err := tr.Next()
		if err == io.EOF {
			return true
		}
		if err != nil {
			break
		}
		p, ok := cleanPath(h.Name)
		if !ok {
			continue
		}
		v := &vfile{File: File{Path: path.Join(t.path, p), Mode: modeOf(h), UID: uint32(h.Uid), GID: uint32(h.Gid), Size: h.Size, Link: h.Linkname}}
		if h.Typeflag == tar.TypeReg && h.Size <= defaultMax {
			b, err := io.ReadAll(tr)
			if err != nil {
				break
			}
			v.fill(b)
		}
		if v.Path != "/" && !(v.IsDir() && c.isDir(v.Path)) {
			c.make(v)
		}
	}
	c.step.Opaque = true
	return true
}

// plainTar takes the compression off a tar; ok is false if it is none, or compressed in a way that is not understood.
func plainTar(r io.Reader) (out io.Reader, ok bool) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, _ := b.Peek(6)
	var err error
	out = b
	switch s := string(head); {
	case strings.HasPrefix(s, "\x1f\x8b"):
		out, err = gzip.NewReader(b)
	case strings.HasPrefix(s, "\x28\xb5\x2f\xfd"):
		out, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1))
	case strings.HasPrefix(s, "BZh"):
		out = bzip2.NewReader(b)
	}
	if err != nil {
		return nil, false
	}
	b = bufio.NewReaderSize(out, 64<<10)
	block, _ := b.Peek(512)
	return b, len(block) == 512 && string(block[257:262]) == "ustar"
}
