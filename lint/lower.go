package lint

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// lowering brings a Containerfile into the form of an image: a layer of files for each step. It does what a builder would do,
// as far as that can be told from the text and the build context.
type lowering struct {
	*gathering
	build    *Build
	context  fs.FS
	ignore   *patternmatcher.PatternMatcher // of .containerignore
	archives map[string]bootc.Archive       // of a Plan: what its ADDs unpack
	stages   []map[string]*vfile            // the root of each stage at its end, without what its base image has
	layers   []*Layer
}

// vfile is a file that a step is going to make.
type vfile struct {
	File
	open func() (io.Reader, error) // nil if nobody knows the content
}

// changes are what one step does to the root of its stage.
type changes struct {
	*lowering
	step    *Step
	root    map[string]*vfile // as it is now
	made    map[string]*vfile
	removed map[string]bool
}

func (l *lowering) run() {
	l.stages = make([]map[string]*vfile, len(l.build.File.Stages))
	l.ignore = ignores(l.context)
	stage := -1
	for _, s := range l.build.Steps {
		if s.Index.Stage == containerfile.Preamble {
			continue
		}
		if s.Step == nil { // FROM
			stage = s.Index.Stage
			l.stages[stage] = map[string]*vfile{}
			if parent, ok := l.build.File.Lookup(l.build.File.Stages[stage].From, stage); ok {
				l.stages[stage] = maps.Clone(l.stages[parent])
			}
			continue
		}
		c := &changes{lowering: l, step: s, root: l.stages[stage], made: map[string]*vfile{}, removed: map[string]bool{}}
		switch step := s.Step.(type) {
		case containerfile.Copy:
			c.copy(step)
		case containerfile.Add:
			c.add(step)
		case containerfile.Run:
			c.run(step)
		case containerfile.Workdir:
			c.workdir()
		case containerfile.Raw, containerfile.OnBuild:
			s.Opaque = true
		}
		c.done()
	}
}

// done makes the step's layer.
func (c *changes) done() {
	if !c.step.InImage || len(c.made)+len(c.removed) == 0 {
		return
	}
	layer := &Layer{Index: len(c.layers), Step: c.step, stage: InContainerfile}
	g := c.layer(layer)
	for p := range c.removed {
		g.add(File{Path: p, more: &more{whiteout: true}}, nil)
	}
	for _, p := range slices.Sorted(maps.Keys(c.made)) {
		g.add(c.made[p].File, c.made[p].open)
	}
	g.done()
	if c.step.Layer = layer; len(c.step.Fields) > 0 {
		layer.stage = InSpec
	}
	c.lowering.layers = append(c.lowering.layers, layer)
}

// make puts a file into the root.
func (c *changes) make(v *vfile) {
	if old := c.root[v.Path]; old != nil && old.IsDir() && !v.IsDir() { // cannot happen in a build that works
		c.remove(v.Path, true)
	}
	c.made[v.Path], c.root[v.Path] = v, v
}

// remove takes a file, or with below a directory, out of the root. The base may have it, so that a whiteout is due even if
// nothing is known of it.
func (c *changes) remove(p string, below bool) {
	for name := range c.root {
		if name == p || below && under(name, p) {
			delete(c.root, name)
			delete(c.made, name)
		}
	}
	c.removed[p] = true
}

// isDir says whether p is a directory, as far as that can be told without the base image.
func (c *changes) isDir(p string) bool {
	if v := c.root[p]; v != nil {
		return v.IsDir()
	}
	if slices.Contains(usualDirs, p) {
		return true
	}
	for name := range c.root {
		if name != p && under(name, p) {
			return true
		}
	}
	return false
}

// usualDirs are in every image that boots.
var usualDirs = strings.Fields(`/ /bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /var
/etc/containers /etc/pki /etc/ssh /etc/sudoers.d /etc/systemd /etc/systemd/system /etc/yum.repos.d /etc/cron.d /etc/profile.d /etc/sysctl.d
/usr/bin /usr/lib /usr/lib64 /usr/libexec /usr/local /usr/local/bin /usr/local/lib /usr/local/sbin /usr/sbin /usr/share /usr/src
/usr/lib/systemd /usr/lib/systemd/system /usr/lib/bootc /usr/lib/modules /usr/lib/tmpfiles.d /usr/lib/sysusers.d /usr/lib/sysctl.d
/var/cache /var/lib /var/log /var/opt /var/spool /var/tmp /var/home /var/roothome`)

func (c *changes) workdir() {
	after := c.step.scope.after(c.step.Step)
	if after.dir != "" && !c.isDir(after.dir) {
		c.make(&vfile{File: File{Path: after.dir, Mode: fs.ModeDir | 0o755}})
	}
}

// run applies what the commands of a RUN do.
func (c *changes) run(r containerfile.Run) {
	c.step.Commands = c.step.shell(r)
	c.step.Opaque = true
	for _, cmd := range c.step.Commands {
		for i := range cmd.Writes {
			w := &cmd.Writes[i]
			if !cmd.mounted(w.Path) {
				c.write(w)
			}
		}
	}
}

// write applies one change.
func (c *changes) write(w *Write) {
	old := c.root[w.Path]
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
			if have := c.root[p]; have != nil {
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
	from := c.root[w.From]
	if from == nil || w.From == "" {
		if w.Op == Move && w.From != "" {
			c.remove(w.From, true)
		}
		c.make(v)
		return
	}
	for name, f := range maps.Clone(c.root) {
		if name != w.From && !(from.IsDir() && under(name, w.From)) {
			continue
		}
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
	for _, p := range slices.Sorted(maps.Keys(c.root)) {
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
