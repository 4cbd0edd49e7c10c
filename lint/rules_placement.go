package lint

import (
	"path"
	"slices"
	"strings"
)

// placementRules are about files in places where a device cannot use them.
var placementRules = []Rule{
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
		ID: "BL213", Slug: "broken-symlink", Severity: Warning, Stages: InRoot,
		Title: "a link to nothing",
		Rationale: `What the link points to is not in the image, and neither /run nor /var, where a device could make it, is where it is looked for: a name with a
mistake, or a file that a later step has deleted. Programs find out on the device.`,
		URL: "https://man7.org/linux/man-pages/man7/symlink.7.html",
		Bad: `
-- layer 0 --
link /usr/bin/agent -> ../libexec/agnet
file /usr/libexec/agent 0755
`,
		Good: `
-- layer 0 --
link /usr/bin/agent -> ../libexec/agent
file /usr/libexec/agent 0755
link /etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf
link /etc/systemd/system/debug.service -> /dev/null
`,
		Check: func(f *Facts, found func(Finding)) {
			if !f.Root.Whole {
				return
			}
			packaged := byPackages()
			for link := range f.Root.All() {
				if !link.IsLink() || !link.Derived() || excusedLink(link) {
					continue
				}
				file, end := f.Root.Resolve(link.Path)
				if file != nil || !f.Root.Missing(end) || slices.ContainsFunc(runtimeDirs, func(d string) bool { return under(end, d) }) || packaged(link) {
					continue
				}
				found(link.Finding("points to %s, and nothing is there", printable(end)).Fixed("correct the target, or delete the link"))
			}
		},
	},
	{
		ID: "BL215", Slug: "tmpfiles-into-ro", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a line of tmpfiles.d that writes to /usr or /opt",
		Rationale: `systemd-tmpfiles works at boot, when /usr and /opt are read-only. A line that has to make something there fails, and with it
systemd-tmpfiles-setup.service. What belongs into /usr is part of the image.`,
		URL: "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- layer 0 --
dir /opt
-- layer 0:/usr/lib/tmpfiles.d/acme.conf --
d /var/lib/acme 0750 - - -
L /opt/acme/current - - - - /usr/share/acme
`,
		Good: `
-- layer 0 --
dir /opt
dir /usr/share/acme
link /usr/local -> ../var/usrlocal
-- layer 0:/usr/lib/tmpfiles.d/acme.conf --
d /usr/share/acme 0755 root root -
d /usr/local/bin 0755 root root -
x /usr/share/acme/keep
`,
		Wants: slices.Concat(tmpfilesWants(), unitWants(), Reading(prepareRoot...)),
		Check: func(f *Facts, found func(Finding)) {
			overlaid := f.unitStates()["ostree-state-overlay@opt.service"].enabled
			for _, l := range f.tmpfiles() {
				if l.path == "" || !l.creates() || !l.file.Derived() || transientRoot(f) {
					continue
				}
				_, dir := f.Root.Resolve(path.Dir(l.path))
				at := path.Join(dir, path.Base(l.path)) // where a link is what the line is about, and not what that points to
				there := f.Root.File(at)
				top := "/usr"
				if under(at, "/opt") && !overlaid {
					top = "/opt"
				}
				if !under(at, top) || there != nil {
					continue
				}
				out := l.file.Finding("%s cannot be made at boot, where %s is read-only", printable(l.path), top).OnLine(l.line)
				if !f.Root.Whole { // the base may have it, or a link there
					out = out.As(Warning).Unsure(Likely)
				}
				found(out.Fixed("make it in the image, or give it a place in /var, /run or /etc"))
			}
		},
	},
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

// runtimeDirs are where a device makes what an image need not have.
var runtimeDirs = []string{"/run", "/proc", "/sys", "/dev", "/var", "/tmp", "/boot", "/sysroot", "/home", "/root", "/mnt", "/media", "/srv", "/ostree"}

// excusedLink says whether it is usual that a link like this points to nothing.
func excusedLink(link *File) bool {
	name := link.Name()
	switch {
	case under(link.Path, "/usr/lib/modules") && (name == "build" || name == "source"): // the sources of the kernel
		return true
	case strings.HasSuffix(link.Dir(), ".wants") || strings.HasSuffix(link.Dir(), ".requires") || strings.HasSuffix(link.Dir(), ".upholds"): // BL702
		return true
	case slices.ContainsFunc(runtimeDirs, func(d string) bool { return under(link.Path, d) }):
		return true
	}
	return under(link.Path, "/usr/share/doc") || under(link.Path, "/usr/share/man") || under(link.Path, "/usr/lib/.build-id")
}

// transientRoot says whether /usr can be written to on a device.
func transientRoot(f *Facts) bool {
	_, k, ok := readPrepareRoot(f, "")
	return ok && truth(k.get("root", "transient")) == 1
}
