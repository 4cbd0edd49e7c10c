package lint

import (
	"io/fs"
	"slices"
)

// upgradeRules are about what an update breaks on a device that runs the image before it.
var upgradeRules = []Rule{
	{
		ID: "BLU01", Slug: "etc-type-change", Severity: Error, Stages: InUpgrade,
		Title: "a file of /etc that becomes a directory, or the reverse",
		Rationale: `With an update bootc merges the /etc of the device into that of the new image. A file that somebody has changed on the device cannot take the place of a
directory, nor the reverse: the update fails there, and only on the devices where it was changed.`,
		URL: "https://ostreedev.github.io/ostree/atomic-upgrades/",
		Bad: `
-- old layer 0 --
file /etc/acme.conf
-- layer 0 --
file /etc/acme.conf/10-default.conf
`,
		Good: `
-- old layer 0 --
file /etc/acme.conf
-- layer 0 --
file /etc/acme.conf changed
file /etc/acme.conf.d/10-default.conf
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.Below("/etc") {
				old := f.Previous.Root.File(file.Path)
				if old == nil || old.IsDir() == file.IsDir() {
					continue
				}
				was, is := "file", "directory"
				if old.IsDir() {
					was, is = is, was
				}
				found(file.Finding("was a %s in the old image and is a %s: where it was changed on a device, the update fails", was, is).Fixed("give the new %s another name", is))
			}
		},
	},
	{
		ID: "BLU02", Slug: "id-renumber", Severity: Error, Stages: InUpgrade,
		Title: "an account that gets another number",
		Rationale: `What the account owns in /var and /etc of a device has the old number, and the device keeps its own /etc/passwd where that was changed: the service can no
longer read its data, or somebody else can.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- old layer 0:/etc/passwd --
acme:x:960:960::/var/lib/acme:/usr/sbin/nologin
-- layer 0:/etc/passwd --
acme:x:961:960::/var/lib/acme:/usr/sbin/nologin
`,
		Good: `
-- old layer 0:/etc/passwd --
acme:x:960:960::/var/lib/acme:/usr/sbin/nologin
-- layer 0:/etc/passwd --
acme:x:960:960:Acme:/var/lib/acme:/bin/sh
new:x:961:961::/:/usr/sbin/nologin
`,
		Wants: accountWants(),
		Check: func(f *Facts, found func(Finding)) {
			for _, name := range []string{passwdFile, groupFile, "/usr/lib/passwd", "/usr/lib/group"} {
				was := map[string]account{}
				for _, a := range f.Previous.accountsIn(name) {
					was[a.name] = a
				}
				for _, a := range f.accountsIn(name) {
					if old := was[a.name]; old.name != "" && old.field(2) != a.field(2) {
						found(f.Root.File(name).Finding("%s was %s and is %s: on devices its files belong to somebody else", printable(a.name), printable(old.field(2)), printable(a.field(2))).
							OnLine(a.line).Showing(a.name).Fixed("keep the number, by a line in /usr/lib/sysusers.d: u %s %s", printable(a.name), printable(old.field(2))))
					}
				}
			}
		},
	},
	{
		ID: "BLU03", Slug: "var-change-ignored", Severity: Warning, Stages: InUpgrade,
		Title:     "a change in /var that does not arrive",
		Rationale: `/var is filled from the image when a device is installed, and never again. What is new or other there in this image, devices that are updated do not get.`,
		URL:       "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- old layer 0 --
file /var/lib/acme/model one
-- layer 0 --
file /var/lib/acme/model two
`,
		Good: `
-- old layer 0 --
file /var/lib/acme/model one
file /var/lib/acme/gone
-- layer 0 --
file /var/lib/acme/model one
file /var/cache/acme/x
`,
		Wants: []Want{{Glob: "/var/**", Digest: true}},
		Check: func(f *Facts, found func(Finding)) {
			changed := func(yield func(*File) bool) {
				for file := range f.Root.Below("/var") {
					old := f.Previous.Root.File(file.Path)
					same := old != nil && old.IsRegular() && old.Digest() == file.Digest() && old.Size == file.Size
					quiet := slices.ContainsFunc([]string{"/var/cache", "/var/log", "/var/tmp", "/var/run"}, func(d string) bool { return under(file.Path, d) }) || leftover(file.Path) != ""
					if file.IsRegular() && !same && !quiet && !yield(file) {
						return
					}
				}
			}
			for _, b := range bunches(changed, func(file *File) string { return owner(file.Path) }) {
				found(b.finding("is not in the old image so: a device that is updated does not get it, %s", sizeOf(b.bytes)).
					Fixed("put it into /usr/share, and have tmpfiles.d copy it (C) or the program read it there"))
			}
		},
	},
	{
		ID: "BLU04", Slug: "verity-enable", Severity: Error, Stages: InUpgrade,
		Title: "fs-verity that an update turns on",
		Rationale: `The files that a device has from older images are without fs-verity, and are shared by the new deployment. With composefs enabled = verity or signed the
initramfs refuses them, and the device does not boot. It needs a new installation.`,
		URL: "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- old layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = yes
-- layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = verity
`,
		Good: `
-- old layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = verity
-- layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = signed
`,
		Wants: Reading(prepareRoot...),
		Check: func(f *Facts, found func(Finding)) {
			conf, is, ok := readPrepareRoot(f, "")
			_, was, had := readPrepareRoot(f.Previous, "")
			verity := func(s string) bool { return s == "verity" || s == "signed" }
			if now := is.get("composefs", "enabled"); ok && had && verity(now) && !verity(was.get("composefs", "enabled")) {
				found(conf.Finding("composefs is to be %s, and what devices have from the old image is without fs-verity: they do not boot", now).
					OnLine(is.line("composefs", "enabled")).Fixed("keep enabled = yes for devices in the field, and install new ones with another image"))
			}
		},
	},
	{
		ID: "BLU05", Slug: "setuid-drift-upgrade", Severity: Warning, Stages: InUpgrade,
		Title: "a program that gives its user more rights than in the old image",
		Rationale: `A new program with the setuid bit or capabilities, or one that had neither before, is a new way to become root on all devices. Somebody should have wanted
it.`,
		URL: "https://man7.org/linux/man-pages/man7/capabilities.7.html",
		Bad: `
-- old layer 0 --
file /usr/bin/helper 0755
-- layer 0 --
file /usr/bin/helper 4755
`,
		Good: `
-- old layer 0 --
file /usr/bin/helper 4755
file /usr/bin/other 4755
-- layer 0 --
file /usr/bin/helper 4755 new
file /usr/bin/other 0755
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.All() {
				bits, capability := privileges(file)
				if bits == 0 && capability == "" {
					continue
				}
				old := f.Previous.Root.File(file.Path)
				var had fs.FileMode
				hadCapability := ""
				if old != nil {
					had, hadCapability = privileges(old)
				}
				if bits&^had != 0 || capability != hadCapability {
					found(file.Finding("mode %04o: gives more rights than in the old image", unixMode(file.Mode)).Fixed("if it is wanted, accept it with a reason"))
				}
			}
		},
	},
}
