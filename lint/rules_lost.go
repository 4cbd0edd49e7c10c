package lint

import (
	"path"
	"slices"
	"strings"
)

// lostRules are about what a Containerfile puts where nobody will see it.
var lostRules = []Rule{
	{
		ID: "BL810", Slug: "lost-write", Severity: Error, Stages: InSpec | InContainerfile,
		Title: "a file that is dropped when the image is imported",
		Rationale: `/dev, /proc, /run, /sys and /tmp are file systems of their own on a device, and an import takes nothing of them. A file that a step puts
there, and that no later step uses, is lost. One that later steps use is only left over (BL205).`,
		URL: "https://github.com/ostreedev/ostree-rs-ext/blob/main/lib/src/tar/write.rs",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY acme.conf /run/acme/acme.conf
-- context/acme.conf --
x
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY setup.sh /tmp/
RUN bash /tmp/setup.sh && rm /tmp/setup.sh
COPY acme.conf /usr/lib/acme/acme.conf
-- context/setup.sh --
x
-- context/acme.conf --
x
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Build == nil {
				return
			}
			told := map[*Step]bool{}
			for _, dir := range dropped {
				for file := range f.Root.Below(dir) {
					step := file.Layer.Step
					if !file.IsRegular() || told[step] || !brings(step) || usedLater(f.Build, step, file.Path) {
						continue
					}
					told[step] = true
					found(file.Finding("is dropped when the image is imported: %s is a file system of its own on a device", dir).
						Fixed("put it into /usr; what has to be in %s at boot is made by a line of tmpfiles.d, such as C %s - - - - /usr/share/acme/%s", dir, printable(file.Path), printable(file.Name())))
				}
			}
		},
	},
}

// usedLater says whether a command of a later step names the file, or a directory that it is in.
func usedLater(b *Build, from *Step, p string) bool {
	names := []string{p}
	for dir := path.Dir(p); dir != "/" && !slices.Contains(dropped, dir); dir = path.Dir(dir) {
		names = append(names, dir)
	}
	after := false
	for _, s := range b.Steps {
		if s == from {
			after = true
			continue
		}
		if after && slices.ContainsFunc(names, func(name string) bool { return strings.Contains(s.Text, name) }) {
			return true
		}
		for _, c := range s.Commands {
			byPattern := slices.ContainsFunc(c.Args, func(w Word) bool { return w.Glob && under(w.Text, path.Dir(p)) })
			if after && (byPattern || c.Dir == path.Dir(p) && strings.Contains(c.Text, path.Base(p))) {
				return true
			}
		}
	}
	return false
}
