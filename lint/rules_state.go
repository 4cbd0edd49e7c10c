package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// stateRules are about /var, of which a device gets what the image has only once.
var stateRules = []Rule{
	{
		ID: "BL201", Slug: "var-file-lost", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a file in /var, which updates do not reach",
		Rationale: `/var belongs to the device. It is filled from the image when the device is installed, and never again: a device that comes from an
older image by an update does not have the file, and one that has it keeps the old content. What the image defines belongs into
/usr; a program that wants it below /var gets a copy or a link from systemd-tmpfiles at boot.`,
		URL: "https://bootc.dev/bootc/filesystem.html#var",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY model.bin /var/lib/acme/model.bin
-- context/model.bin --
weights
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY model.bin /usr/share/acme/model.bin
COPY <<EOF /usr/lib/tmpfiles.d/acme.conf
C /var/lib/acme/model.bin 0644 root root - /usr/share/acme/model.bin
EOF
-- context/model.bin --
weights
`,
		Wants: append(tmpfilesWants(), unitWants()...),
		Check: func(f *Facts, found func(Finding)) {
			links, cover, packaged := stateLinks(f.Root), f.stateCover(), byPackages()
			lost := func(yield func(*File) bool) {
				for file := range stateFiles(f.Root) {
					p := links.of(file.Path)
					if !under(p, "/var") || !file.IsRegular() || !file.Derived() || hasOwnRule(f.Root, p) || cover.copies(p) {
						continue
					}
					if f.inBase(file.Path) && packaged(file) { // what the packages of the base keep there is up to the base
						continue
					}
					if !yield(file) {
						return
					}
				}
			}
			for _, b := range bunches(lost, func(file *File) string { return owner(links.of(file.Path)) }) {
				to := links.of(b.first.Path)
				name := path.Base(b.dir)
				if path.Ext(name) != "" && b.dir == to { // a file of its own
					name = strings.TrimSuffix(name, path.Ext(name))
				}
				from := path.Join("/usr/share", name, path.Base(to))
				if b.files > 1 {
					to, from = b.dir, path.Join("/usr/share", name)
				}
				found(b.finding("is only in new installations: a device that is updated does not get %s", b.what()).
					FixedBy("/usr/lib/tmpfiles.d/"+name+".conf", fmt.Sprintf("C %s - - - - %s\n", tmpfilesWord(to), tmpfilesWord(from)),
						fmt.Sprintf("put it at %s in the image, and have it copied where it is missing", printable(from))))
			}
		},
	},
	{
		ID: "BL202", Slug: "var-dir-no-tmpfiles", Aliases: []string{"var-tmpfiles"}, Severity: Warning, Stages: InRoot,
		Title: "a directory or link in /var that nothing makes at boot",
		Rationale: `/var is filled from the image when a device is installed, and never again. A directory that a newer image brings is missing on a device that is
updated to it, and the program that wants it fails there and nowhere else. A line of tmpfiles.d makes it at each boot where it is
missing; so does StateDirectory=, CacheDirectory= or LogsDirectory= of the service that uses it.`,
		URL: "https://bootc.dev/bootc/filesystem.html#var",
		Bad: `
-- layer 0 --
dir /var/lib/acme 0750
dir /var/lib/acme/spool
`,
		Good: `
-- layer 0 --
dir /var/lib/acme 0750
dir /var/cache/other
-- layer 0:/usr/lib/tmpfiles.d/acme.conf --
d /var/lib/acme 0750 - - -
-- layer 0:/usr/lib/systemd/system/other.service --
[Service]
ExecStart=/usr/bin/other
CacheDirectory=other
`,
		Wants: slices.Concat(tmpfilesWants(), unitWants(), Reading("/etc/passwd", "/etc/group", "/usr/lib/passwd", "/usr/lib/group")),
		Check: func(f *Facts, found func(Finding)) {
			if !f.Root.Whole {
				return
			}
			for _, file := range configFiles(f.Root, tmpfilesDirs, ".conf") {
				if _, mistakes := parseTmpfiles(file.Text()); len(mistakes) > 0 && file.Derived() {
					found(file.Unreadable(mistakes[0].err).OnLine(mistakes[0].line).As(Warning))
				}
			}
			for _, u := range uncovered(f) {
				out := u.top.Finding("is missing on a device that is updated: no line of tmpfiles.d makes it")
				if u.more > 0 {
					out = u.top.Finding("is missing on a device that is updated, with %d more below it: no line of tmpfiles.d makes them", u.more)
				}
				found(out.FixedBy("/usr/lib/tmpfiles.d/"+u.top.Name()+".conf", u.lines.String(), "have it made at boot, or give the service that uses it StateDirectory="))
			}
		},
	},
	{
		ID: "BL203", Slug: "var-log", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a log of the build",
		Rationale: `What programs logged while the image was built is of no use on a device, tells how the image was made, and makes each build of the same
sources another image.`,
		URL: "https://bootc.dev/bootc/filesystem.html#var",
		Bad: `
-- layer 0 --
file /var/log/dnf.log 0644 installed
`,
		Good: `
-- layer 0 --
dir /var/log/acme
file /var/log/lastlog
link /var/log/README -> ../../usr/share/doc/systemd/README.logs
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.Below("/var/log") {
				if file.IsRegular() && file.Size > 0 && file.Derived() {
					found(file.Finding("is a log of the build, %s", sizeOf(file.Size)).Fixed("in the step that makes it: rm -rf /var/log/*"))
				}
			}
		},
	},
	{
		ID: "BL211", Slug: "home-content", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "files in a home directory",
		Rationale: `/home and /root are in /var. What the image has there is copied when a device is installed, and never again: keys are not replaced, settings not
updated, and a device that is updated from an older image has none of it. systemd-tmpfiles can write files into a home at boot, sshd
can read keys from /usr, and what differs from one site to another comes with provisioning.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY keys /home/ops/.ssh/authorized_keys
-- context/keys --
ssh-ed25519 AAAA ops
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY keys /usr/share/acme/keys/ops
COPY <<EOF /usr/lib/tmpfiles.d/ops.conf
d /home/ops 0700 ops ops -
d /home/ops/.ssh 0700 ops ops -
C /home/ops/.ssh/authorized_keys 0600 ops ops - /usr/share/acme/keys/ops
EOF
-- context/keys --
ssh-ed25519 AAAA ops
`,
		Wants: append(tmpfilesWants(), unitWants()...),
		Check: func(f *Facts, found func(Finding)) {
			links, cover := stateLinks(f.Root), f.stateCover()
			inHomes := func(yield func(*File) bool) {
				for file := range stateFiles(f.Root) {
					p := links.of(file.Path)
					if isHome(p) && file.IsRegular() && file.Derived() && leftover(p) == "" && !cover.copies(p) && f.Root.File("/etc/skel/"+file.Name()) == nil && !yield(file) {
						return
					}
				}
			}
			for _, b := range bunches(inHomes, func(file *File) string { return path.Dir(file.Path) }) {
				name := b.first.Name()
				found(b.finding("is only in new installations: a device that is updated does not get %s", b.what()).
					FixedBy("/usr/lib/tmpfiles.d/home.conf", fmt.Sprintf("C %s - - - - %s\n", tmpfilesWord(b.first.Path), tmpfilesWord("/usr/share/home/"+name)),
						"put it below /usr/share, and have it copied where it is missing; keys are better read from /usr, which AuthorizedKeysFile in sshd_config.d can name"))
			}
		},
	},
}
