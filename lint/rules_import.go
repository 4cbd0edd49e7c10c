package lint

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"unicode/utf8"
)

// importRules are about what ostree and bootc refuse or drop when they import an image, layer by layer.
var importRules = []Rule{
	{
		ID: "BL117", Slug: "non-utf8", Aliases: []string{"utf8"}, Severity: Error, Stages: InSpec | InContainerfile | InRoot | InLayers,
		Title: "a name that is no UTF-8",
		Rationale: `ostree takes only UTF-8 in the names of files and the targets of links, and stops the import at the first other one ("Invalid UTF-8 in
filename"). A layer is imported as it is, even if a later one deletes the file.`,
		URL: "https://github.com/bootc-dev/bootc/blob/main/crates/lib/src/lints.rs",
		Bad: `
-- layer 0 --
file "/usr/share/caf\xe9"
link /usr/share/menu -> "caf\xe9"
`,
		Good: `
-- layer 0 --
file /usr/share/café
link /usr/share/menu -> café
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range everyEntry(f) {
				if !utf8.ValidString(file.Name()) {
					found(file.Finding("its name is no UTF-8: the image cannot be imported").Fixed("rename it"))
				}
				if !utf8.ValidString(file.Link) {
					found(file.Finding("the target of the link, %s, is no UTF-8: the image cannot be imported", printable(file.Link)).Fixed("rename the target"))
				}
			}
		},
	},
	{
		ID: "BL118", Slug: "special-file", Severity: Error, Stages: InContainerfile | InRoot | InLayers,
		Title: "a device, FIFO or socket",
		Rationale: `ostree stores files, directories and symbolic links. The import of a layer with anything else fails ("Unsupported file type"), unless it is in
/dev, /proc, /run, /sys or /tmp, which are not imported.`,
		URL: "https://github.com/ostreedev/ostree-rs-ext/blob/main/lib/src/tar/write.rs",
		Bad: `
-- layer 0 --
fifo /usr/lib/acme/queue
`,
		Good: `
-- layer 0 --
char /dev/null 1:3
fifo /run/acme
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range everyEntry(f) {
				if file.Mode&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) == 0 || slices.ContainsFunc(dropped, func(d string) bool { return under(file.Path, d) }) {
					continue
				}
				kind, line := "socket", ""
				switch major, minor := file.Device(); {
				case file.Mode&fs.ModeNamedPipe != 0:
					kind, line = "FIFO", fmt.Sprintf("p %s %04o - - -\n", file.Path, file.Mode.Perm())
				case file.Mode&fs.ModeCharDevice != 0:
					kind, line = "character device", fmt.Sprintf("c %s %04o - - - %d:%d\n", file.Path, file.Mode.Perm(), major, minor)
				case file.Mode&fs.ModeDevice != 0:
					kind, line = "block device", fmt.Sprintf("b %s %04o - - - %d:%d\n", file.Path, file.Mode.Perm(), major, minor)
				}
				out := file.Finding("is a %s: the image cannot be imported", kind).Fixed("delete it; the program that uses it makes it")
				if line != "" && !under(file.Path, "/usr") {
					out = out.FixedBy("/usr/lib/tmpfiles.d/"+path.Base(file.Path)+".conf", line, "delete it, and have systemd-tmpfiles make it at boot")
				}
				found(out)
			}
		},
	},
	{
		ID: "BL119", Slug: "cross-layer-hardlink", Severity: Error, Stages: InLayers,
		Title: "a hard link to a file of another layer",
		Rationale: `Each layer is imported by itself. A hard link whose target is not in the same layer makes the import fail: "Processing deferred
hardlink … Failed to find object". It comes from programs that link files in their cache, such as dnf, when a step writes to
what an earlier step left there.`,
		URL: "https://github.com/bootc-dev/bootc/issues/1201",
		Bad: `
-- layer 0 --
file /var/cache/a
-- layer 1 --
hard /var/cache/b => /var/cache/a
`,
		Good: `
-- layer 0 --
hard /usr/b => /usr/a
file /usr/a
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range everyEntry(f) {
				if file.LinksOut() {
					found(file.Finding("is a hard link to %s, which is not in the same layer: the image cannot be imported", printable(file.HardLink())).
						Fixed("delete caches in the step that fills them (rm -rf /var/cache/* /var/lib/dnf), or copy the file instead of linking it"))
				}
			}
		},
	},
	{
		ID: "BL123", Slug: "selinux-in-layer", Severity: Warning, Stages: InContainerfile | InSpec | InLayers,
		Title: "an SELinux label set in the build",
		Rationale: `The labels of files come from the policy in the image, when a device deploys it. What chcon and restorecon set while the image is built has no
effect, and a label that a layer brings along is not supported.`,
		URL: "https://bootc.dev/bootc/bootc-images.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN chcon -t bin_t /usr/lib/acme/agent
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN semanage fcontext -a -t bin_t /usr/lib/acme/agent
`,
		Check: func(f *Facts, found func(Finding)) {
			const fix = "semanage fcontext -a -t TYPE 'PATH' puts it into the policy of the image"
			for c := range f.Commands() {
				if c.Is("chcon", "restorecon", "fixfiles") || c.Is("setfattr") && c.Has("security.selinux") {
					found(c.Finding("%s has no effect: a device takes the labels from the policy", c.Name).Showing(c.Text).Fixed(fix))
				}
			}
			for _, l := range f.Layers {
				for i := range l.Files {
					if file := &l.Files[i]; file.Derived() && hasLabel(file) {
						found(l.Finding("has SELinux labels on its files, on %s and perhaps others: they are not supported in layers", printable(file.Path)).Fixed(fix))
						break
					}
				}
			}
		},
	},
}

// dropped are the directories of which an import takes nothing
// (EXCLUDED_TOPLEVEL_PATHS of https://github.com/ostreedev/ostree-rs-ext/blob/main/lib/src/tar/write.rs).
var dropped = []string{"/dev", "/proc", "/run", "/sys", "/tmp"}

// everyEntry yields what every layer has, also what later ones hide, whiteouts left out.
func everyEntry(f *Facts) func(func(*File) bool) {
	return func(yield func(*File) bool) {
		for _, l := range f.Layers {
			for i := range l.Files {
				if !l.Files[i].Whiteout() && !yield(&l.Files[i]) {
					return
				}
			}
		}
	}
}

func hasLabel(f *File) bool {
	_, ok := f.Xattr("security.selinux")
	return ok
}
