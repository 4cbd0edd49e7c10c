package lint

import (
	"path"
	"slices"
	"strings"
)

// optRules are about /opt and /usr/local, which are in the image on some bases and in /var on others.
var optRules = []Rule{
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
