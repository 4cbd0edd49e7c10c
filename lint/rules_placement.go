package lint

import (
	"path"
	"slices"
	"strings"
)

// placementRules are about files in places where a device cannot use them, or not for long.
var placementRules = []Rule{
	{
		ID: "BL207", Slug: "opt-usrlocal-into-var", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "software in /opt or /usr/local, which is a link into /var",
		Rationale: `Some bases link /opt to /var/opt and /usr/local to /var/usrlocal, so that an administrator can install software on a running device. What an image
puts there is in /var: it comes with the installation, and no update of it ever does. With a directory of its own in place of the link
the software is part of the image as the rest of /usr is.`,
		URL: "https://bootc.dev/bootc/filesystem.html#other-directories",
		Bad: `
-- layer 0 --
link /opt -> var/opt
dir /var/opt
-- layer 1 --
file /var/opt/acme/bin/agent 0755
-- linter.json --
{"BaseLayers": 1}
`,
		Good: `
-- layer 0 --
link /opt -> var/opt
link /usr/local -> ../var/usrlocal
dir /var/usrlocal/bin
-- layer 1 --
dir /opt
file /opt/acme/bin/agent 0755
-- linter.json --
{"BaseLayers": 1}
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, dir := range []string{"/opt", "/usr/local"} {
				link := f.Root.File(dir)
				if link == nil || !link.IsLink() || !under(textTarget(link), "/var") {
					continue
				}
				target := textTarget(link)
				fix := "before what installs there: RUN rm " + dir + " && mkdir " + dir
				software := func(yield func(*File) bool) {
					for _, d := range []string{target, dir} { // before the build files lie below the link
						for file := range f.Root.Below(d) {
							if file.IsRegular() && file.Derived() && !yield(file) {
								return
							}
						}
					}
				}
				list := bunches(software, func(file *File) string {
					rest := strings.TrimPrefix(strings.TrimPrefix(file.Path, target+"/"), dir+"/")
					name, _, _ := strings.Cut(rest, "/")
					return strings.TrimSuffix(file.Path, rest) + name
				})
				for _, b := range list {
					found(b.finding("%s is a link to %s: no update of %s reaches a device", dir, link.Link, b.what()).Fixed("%s", fix))
				}
				if len(list) == 0 && link.Derived() && f.Root.Whole {
					found(link.Finding("software that is installed below it is in /var, which updates do not reach").As(Note).Fixed("%s", fix))
				}
			}
		},
	},
	{
		ID: "BL208", Slug: "opt-writes", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a directory for data in /opt",
		Rationale: `/opt is part of the image and read-only on a device. Software that keeps its logs or data beside its programs fails when it first writes. A link
to a directory in /var, BindPaths= in its unit or the unit ostree-state-overlay@opt.service give it a place.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- layer 0 --
dir /opt
dir /opt/acme/logs
`,
		Good: `
-- layer 0 --
dir /opt
link /opt/acme/logs -> /var/log/acme
dir /opt/other/data
-- layer 0:/usr/lib/systemd/system/other.service --
[Service]
ExecStart=/opt/other/bin/other
BindPaths=/var/lib/other:/opt/other/data
`,
		Wants: unitWants(),
		Check: func(f *Facts, found func(Finding)) {
			if opt := f.Root.File("/opt"); opt != nil && opt.IsLink() || f.unitStates()["ostree-state-overlay@opt.service"].enabled {
				return
			}
			bound := boundPaths(f)
			for dir := range f.Root.Glob("/opt/*/*", "/opt/*/*/*") {
				if !dir.IsDir() || !dir.Derived() || f.inBase(dir.Path) || !slices.Contains(dataNames, dir.Name()) || slices.ContainsFunc(bound, func(b string) bool { return under(dir.Path, b) }) {
					continue
				}
				found(dir.Finding("is read-only on a device, and by its name meant to be written to").Unsure(Possible).
					Fixed("link it into /var: rmdir %s && ln -s /var/lib/%s %s, with a line for the target in tmpfiles.d", dir.Path, path.Base(path.Dir(dir.Path)), dir.Path))
			}
		},
	},
	{
		ID: "BL210", Slug: "nested-containers", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "container images unpacked in the image",
		Rationale: `The store of podman has layers of its own, with whiteouts that mean something to it. In a layer of the image they would be whiteouts of that, and are
lost or refused; the import stops with "Not a regular file or symlink". Logically bound images are pulled by bootc together with
the image that names them.`,
		URL: "https://bootc.dev/bootc/logically-bound-images.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN podman pull quay.io/acme/app:1
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN skopeo copy docker://quay.io/acme/app:1 oci-archive:/usr/share/acme/app.tar
`,
		Wants: []Want{{Glob: "**/images.json", Max: 64 << 10, Quiet: true}},
		Check: func(f *Facts, found func(Finding)) {
			const fix = "name the image in /usr/lib/bootc/bound-images.d, and bootc pulls it with each update"
			for c := range f.Commands() {
				if where := pullsImages(c); where != "" && !c.mounted(where) {
					found(c.Finding("unpacks a container image in %s: its whiteouts do not survive in a layer", where).Showing(c.Text).Fixed(fix))
				}
			}
			for file := range f.Root.Glob("**/images.json") {
				if !strings.HasSuffix(file.Dir(), "-images") || !file.Derived() || file.Size <= 4 {
					continue
				}
				found(file.Finding("is the list of a store with container images: their whiteouts do not survive in a layer").Fixed(fix))
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

// stateOpt are the directories that some bases have in /var, with where.
var stateOpt = map[string]string{"/opt": "/var/opt", "/usr/local": "/var/usrlocal"}

// dataNames are directories that are written to, by their names.
var dataNames = strings.Fields("log logs var data tmp temp cache run spool")

// boundPaths are the directories over which units put others.
func boundPaths(f *Facts) []string {
	var out []string
	for _, u := range f.units() {
		for _, key := range []string{"BindPaths", "TemporaryFileSystem", "StateDirectory", "LogsDirectory", "CacheDirectory"} {
			for _, s := range u.all("Service", key) {
				words, _, _ := sdWords(s.value, len(s.value), true)
				for _, w := range words {
					parts := strings.Split(strings.TrimPrefix(w, "-"), ":")
					if p := parts[min(1, len(parts)-1)]; path.IsAbs(p) {
						out = append(out, path.Clean(p))
					}
				}
			}
		}
	}
	return out
}

// pullsImages is the store that a command unpacks container images in, "" if it does not.
func pullsImages(c *Command) string {
	const store = "/var/lib/containers/storage"
	where := func(flags ...string) string {
		if w, ok := c.Value(flags...); ok && w.Known && path.IsAbs(w.Text) {
			return path.Clean(w.Text)
		}
		return store
	}
	switch c.Name {
	case "podman", "docker", "buildah":
		ops := c.Operands("--root", "--runroot", "--storage-driver", "--storage-opt", "--log-level", "--authfile", "--creds", "--platform", "--arch", "--os")
		if len(ops) > 0 && ops[0].Text == "image" {
			ops = ops[1:]
		}
		if len(ops) == 0 || c.Has("--help", "--version") {
			return ""
		}
		switch ops[0].Text {
		case "pull", "load", "import", "build", "create", "run", "from", "bud":
			return where("--root")
		}
	case "skopeo":
		ops := c.Operands("--authfile", "--src-creds", "--dest-creds", "--policy", "-f", "--format")
		if len(ops) == 3 && ops[0].Text == "copy" && strings.HasPrefix(ops[2].Text, "containers-storage:") {
			if _, rest, ok := strings.Cut(ops[2].Text, "["); ok {
				root, _, _ := strings.Cut(strings.TrimRight(rest[strings.IndexByte(rest, '@')+1:], "]"), "+")
				if root, _, _ = strings.Cut(root, "]"); path.IsAbs(root) {
					return path.Clean(root)
				}
			}
			return store
		}
	}
	return ""
}

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
