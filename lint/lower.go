package lint

import (
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
	stages   []*stageRoot                   // of each stage at its end
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
	root    *stageRoot // as it is now
	made    map[string]*vfile
	removed map[string]bool
}

func (l *lowering) run() {
	l.stages = make([]*stageRoot, len(l.build.File.Stages))
	l.ignore = ignores(l.context)
	stage := -1
	for _, s := range l.build.Steps {
		if s.Index.Stage == containerfile.Preamble {
			continue
		}
		if s.Step == nil { // FROM
			stage = s.Index.Stage
			l.stages[stage] = newStageRoot()
			if parent, ok := l.build.File.Lookup(l.build.File.Stages[stage].From, stage); ok {
				l.stages[stage] = l.stages[parent].clone()
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
	if old := c.root.files[v.Path]; old != nil && old.IsDir() && !v.IsDir() { // cannot happen in a build that works
		c.remove(v.Path, true)
	}
	c.made[v.Path] = v
	c.root.set(v)
}

// remove takes a file, or with below a directory, out of the root. The base may have it, so that a whiteout is due even if
// nothing is known of it.
func (c *changes) remove(p string, below bool) {
	for _, name := range c.root.under(p) {
		if name == p || below {
			delete(c.made, name)
		}
	}
	c.root.remove(p, below)
	c.removed[p] = true
}

// isDir says whether p is a directory, as far as that can be told without the base image.
func (c *changes) isDir(p string) bool {
	return c.root.isDir(p) || c.root.files[p] == nil && !c.removed[p] && slices.Contains(usualDirs, p)
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
