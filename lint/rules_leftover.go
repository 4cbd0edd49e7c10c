package lint

import (
	"slices"
	"strings"
)

// leftoverRules are about what a build leaves in the image without meaning to.
var leftoverRules = []Rule{
	{
		ID: "BL204", Slug: "pkg-leftovers", Aliases: []string{"DL3009"}, Severity: Warning, Stages: InSpec | InContainerfile | InRoot | InLayers,
		Title: "caches and lists of the package tools",
		Rationale: `Every device downloads them, and none uses them. They make each build of the same sources another image, and the files that dnf links from
its cache can make the import of the next layer fail (BL119). "dnf clean all" empties the cache and leaves /var/lib/dnf and the
logs. Only the step that makes them can keep them out of the layer.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install tmux && dnf clean all
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install tmux && dnf clean all && rm -rf /var/log/* /var/cache/* /var/lib/{dnf,rhsm}
RUN --mount=type=cache,target=/var/lib/apt/lists --mount=type=cache,target=/var/cache/apt apt-get update && apt-get -y install tmux
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				if left, fix := leftByTool(f, c); len(left) > 0 {
					found(c.Finding("leaves %s in the layer", enumerate(left)).Unsure(Likely).Showing(c.Text).Fixed("in the same RUN: %s", fix))
				}
			}
			if !f.At(InRoot) {
				return
			}
			for _, l := range f.Layers {
				left := func(yield func(*File) bool) {
					for i := range l.Files {
						if file := &l.Files[i]; file.Derived() && file.IsRegular() && file.Size > 0 && leftover(file.Path) != "" && !yield(file) {
							return
						}
					}
				}
				for _, b := range bunches(left, func(file *File) string { return leftover(file.Path) }) {
					out := b.finding("is of no use on a device: %s", sizeOf(b.bytes))
					out.Path = b.dir
					if f.Root.File(b.first.Path) != b.first {
						out = b.first.Finding("is of no use on a device; a later step hides it, and every device downloads it all the same: %s", sizeOf(b.bytes))
						out.Path = b.dir
					}
					found(out.Fixed("in the step that makes it: rm -rf %s", b.dir))
				}
			}
		},
	},
	{
		ID: "BL205", Slug: "run-tmp", Aliases: []string{"nonempty-run-tmp"}, Severity: Warning, Stages: InRoot,
		Title: "content in /run or /tmp",
		Rationale: `Both are empty file systems in memory on a device, so that nothing of it is ever seen there. The import drops it; a sealed image, whose digest
is over what was there, then does not boot.`,
		URL: "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- layer 0 --
dir /tmp 1777
file /tmp/build.log
`,
		Good: `
-- layer 0 --
dir /run
dir /run/systemd
dir /run/systemd/resolve
file /run/systemd/resolve/stub-resolv.conf
dir /tmp 1777
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, dir := range []string{"/run", "/tmp"} {
				for top := range f.Root.In(dir) {
					list := strays(f, top)
					if len(list) == 0 {
						continue
					}
					out := list[0].Finding("is never seen on a device, where %s is a file system in memory", dir)
					if len(list) > 1 {
						out = list[0].Finding("is never seen on a device, where %s is a file system in memory; %d more are below it", dir, len(list)-1)
						out.Path = printable(top.Path)
					}
					found(out.Fixed("for the steps that write there: RUN --mount=type=tmpfs,target=/run --mount=type=tmpfs,target=/tmp …"))
				}
			}
		},
	},
	{
		ID: "BL206", Slug: "runtime-injected", Aliases: []string{"buildah-injected"}, Severity: Warning, Stages: InRoot,
		Title: "a file that the container runtime has left",
		Rationale: `Container runtimes mount their own /etc/hostname and /etc/resolv.conf over those of the image, and leave empty files where there were none. On a
device an empty resolv.conf means that no name is resolved, and an empty hostname that the device keeps the name of the
installer. /.dockerenv and /run/.containerenv make programs believe that they run in a container.`,
		URL: "https://github.com/bootc-dev/bootc/blob/main/crates/lib/src/lints.rs",
		Bad: `
-- layer 0 --
file /etc/resolv.conf
`,
		Good: `
-- layer 0 --
link /etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf
file /etc/hostname 0644 localhost
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.Glob("/etc/hostname", "/etc/resolv.conf") {
				if file.IsRegular() && file.Size == 0 && file.Derived() {
					found(file.Finding("is empty: a container runtime has made it, as a place to mount its own at").Fixed("rm it after the last RUN, or build with a tool that does not leave it"))
				}
			}
			for file := range f.Root.Glob("/.dockerenv", "/.containerenv", "/run/.containerenv") {
				if file.Derived() {
					found(file.Finding("makes programs believe that they run in a container").Fixed("rm %s after the last RUN", file.Path))
				}
			}
		},
	},
	{
		ID: "BL212", Slug: "layer-waste", Severity: Note, Stages: InLayers,
		Title: "a layer much of which later ones hide",
		Rationale: `What a later step deletes or replaces is still in the layer of the earlier one, and every device downloads it. On the links that edge devices
have, that is the time an update takes.`,
		URL: "https://docs.docker.com/build/building/best-practices/#minimize-the-number-of-layers",
		Bad: `
-- layer 0 --
file /usr/lib/base
-- layer 1:/usr/share/big --
the greater part
-- layer 2 --
whiteout /usr/share/big
-- linter.json --
{"BaseLayers": 1}
`,
		Good: `
-- layer 0:/usr/share/big --
of the base, which its users cannot mend
-- layer 1 --
whiteout /usr/share/big
file /usr/share/small
-- linter.json --
{"BaseLayers": 1}
`,
		Check: func(f *Facts, found func(Finding)) {
			if !f.BoundaryKnown() {
				return
			}
			wastes, total := hiddenFiles(f)
			for i, w := range wastes {
				if w.hidden > 10<<20 || w.hidden > total/50 {
					found(f.Layers[i].Finding("%s of %s are hidden by later layers, the largest of it %s", sizeOf(w.hidden), sizeOf(w.all), printable(w.largest.Path)).
						Fixed("do both in one RUN, or make the files in a stage of their own and copy what is needed"))
				}
			}
		},
	},
}

// enumerate puts words together for people.
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// leftByTool is what a command that installs packages leaves in its layer, and the commands that would take it away. That nothing at all is cleaned
// up after dnf is BL803.
func leftByTool(f *Facts, c *Command) (left []string, fix string) {
	if packageVerb(c) == "" || c.Step == nil {
		return nil, ""
	}
	cleans := func(verbs ...string) bool {
		return slices.ContainsFunc(c.Step.Commands, func(o *Command) bool { return isPackageTool(o) && slices.Contains(verbs, o.Verb()) })
	}
	if !lastOfTool(c) {
		return nil, ""
	}
	switch c.Name {
	case "dnf", "dnf5", "yum", "microdnf":
		if !cleans("clean") && !removes(c.Step, "/var/cache/dnf") {
			return nil, ""
		}
		if !removedLater(f, c.Step, "/var/lib/dnf") && c.Name != "dnf5" {
			left = append(left, "/var/lib/dnf")
		}
		if !removedLater(f, c.Step, "/var/log") && !removedLater(f, c.Step, "/var/log/dnf.log") {
			left = append(left, "/var/log/dnf*.log")
		}
		return left, "dnf clean all && rm -rf /var/log/* /var/cache/* /var/lib/{dnf,rhsm}"
	case "apt", "apt-get":
		if cleans("update") && !removes(c.Step, "/var/lib/apt/lists") {
			left = append(left, "/var/lib/apt/lists")
		}
		if !cleans("clean", "distclean") && !removes(c.Step, "/var/cache/apt") && !removes(c.Step, "/var/cache/apt/archives") {
			left = append(left, "/var/cache/apt")
		}
		return left, "apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*"
	}
	return nil, ""
}

// lastOfTool says that no later command of the step installs with the same tool, so that one finding does for the step.
func lastOfTool(c *Command) bool {
	i := slices.Index(c.Step.Commands, c)
	return !slices.ContainsFunc(c.Step.Commands[i+1:], func(o *Command) bool { return o.Name == c.Name && packageVerb(o) != "" })
}

// removedLater says whether the step or one after it takes the directory away. What is small may as well go at the end.
func removedLater(f *Facts, s *Step, dir string) bool {
	i := slices.Index(f.Build.Steps, s)
	return slices.ContainsFunc(f.Build.Steps[i:], func(s *Step) bool { return s.InImage && removes(s, dir) })
}

// strays are what is at or below a path, and neither a stub of a container runtime nor of the base.
func strays(f *Facts, top *File) []*File {
	if top.MountPoint() {
		return nil
	}
	var out []*File
	look := func(file *File) {
		isStub := slices.ContainsFunc(stubs, func(s string) bool { return file.Path == s || under(s, file.Path) && file.IsDir() })
		if !isStub && file.Derived() && !(file.IsDir() && f.inBase(file.Path)) {
			out = append(out, file)
		}
	}
	look(top)
	for file := range f.Root.Below(top.Path) {
		look(file)
	}
	return out
}

// stubs are what podman and buildah leave in /run as places for mounts (https://github.com/bootc-dev/bootc/issues/2050).
var stubs = []string{"/run/systemd/resolve/stub-resolv.conf", "/run/.containerenv", "/run/secrets"}

// waste is what a layer has, and how much of it later layers hide.
type waste struct {
	hidden, all int64
	largest     *File // of those that are hidden
}

// hiddenFiles sums up each layer, and what all above the base have together.
func hiddenFiles(f *Facts) (wastes []waste, total int64) {
	wastes = make([]waste, len(f.Layers))
	for n, l := range f.Layers {
		w := &wastes[n]
		if l.Base {
			continue
		}
		for i := range l.Files {
			file := &l.Files[i]
			if !file.IsRegular() || file.Whiteout() {
				continue
			}
			w.all += file.Size
			if f.Root.File(file.Path) == file {
				continue
			}
			if w.hidden += file.Size; w.largest == nil || file.Size > w.largest.Size {
				w.largest = file
			}
		}
		total += w.all
	}
	return wastes, total
}
