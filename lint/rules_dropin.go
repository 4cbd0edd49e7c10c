package lint

import (
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// dropInRules are about configuration that is the distribution's: edited files, copied units, and /etc where /usr would do.
var dropInRules = []Rule{
	{
		ID: "BL301", Slug: "edit-instead-of-dropin", Severity: Warning, Stages: InSpec | InContainerfile | InLayers,
		Title: "an edited configuration file, where a drop-in would do",
		Rationale: `The file is the distribution's, and so are its updates. Once the image has its own version, no fix of the distribution gets into it, and an edit on
a device, or by another step, meets it as a conflict that is settled for the whole file. Programs read a directory of drop-ins beside
it: a file of one's own there says what differs, and nothing else.`,
		URL: "https://bootc.dev/bootc/building/guidance.html#prefer-using-drop-in-directories",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN echo "%wheel ALL=(ALL) ALL" >> /etc/sudoers && \
    sed -i 's/#PermitRootLogin.*/PermitRootLogin no/' /etc/ssh/sshd_config
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY --chmod=0440 ops /etc/sudoers.d/50-ops
RUN echo "PermitRootLogin no" > /etc/ssh/sshd_config.d/50-root.conf && cp /etc/sudoers /usr/share/acme/sudoers.example
-- context/ops --
%wheel ALL=(ALL) ALL
`,
		Wants: editWants(),
		Check: func(f *Facts, found func(Finding)) {
			packaged := byPackages()
			for n, l := range f.Layers {
				for i := range l.Files {
					file := &l.Files[i]
					if !file.IsRegular() || file.Whiteout() || !file.Derived() || !under(file.Path, "/etc") {
						continue
					}
					if how := howEdited(f, n, file); how != "" && !packaged(file) {
						editAdvice(file.Finding("the image %s it, and no longer gets what the distribution changes in it", how), file.Path, how, nil, found)
					}
				}
			}
			for c := range f.Commands() {
				for i := range c.Writes {
					w := &c.Writes[i]
					if how := editVerbs[w.Op]; how != "" && !w.Glob && !c.mounted(w.Path) && !madeByStep(f, c.Step, w.Path) {
						out := c.Finding("the image %s it, and no longer gets what the distribution changes in it", how).Showing(c.Text)
						out.Path = printable(w.Path)
						editAdvice(out, w.Path, how, w, found)
					}
				}
			}
		},
	},
	{
		ID: "BL302", Slug: "unit-override-copy", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a copy of a vendor's unit, or an edit of it",
		Rationale: `A unit in /etc/systemd/system hides the one of the same name in /usr/lib/systemd/system as a whole: no fix of the package reaches the device any more, and
nobody is told. A drop-in changes the settings that it names and leaves the others to the vendor.`,
		URL: "https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html#Overriding%20vendor%20settings",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN cp /usr/lib/systemd/system/nginx.service /etc/systemd/system/nginx.service && \
    sed -i 's/^Restart=.*/Restart=always/' /etc/systemd/system/nginx.service
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY <<EOF /usr/lib/systemd/system/nginx.service.d/10-restart.conf
[Service]
Restart=always
EOF
COPY <<EOF /etc/systemd/system/ours.service
[Service]
ExecStart=/usr/bin/ours
EOF
`,
		Check: func(f *Facts, found func(Finding)) {
			packaged := byPackages()
			for file := range f.Root.Glob("/etc/systemd/system/*") {
				if !file.IsRegular() || !file.Derived() || !slices.Contains(unitTypes, path.Ext(file.Name())) || packaged(file) {
					continue
				}
				vendor := "/usr/lib/systemd/system/" + file.Name()
				if v := f.Root.File(vendor); v != nil && v.IsRegular() {
					found(file.Finding("hides %s, and all that its updates change", vendor).
						Fixed("write only what differs to /usr/lib/systemd/system/%s.d/10-local.conf", file.Name()))
				}
			}
			for c := range f.Commands() {
				for _, w := range c.Writes {
					if w.Op != Copy && w.Op != Move || path.Dir(usrMerged(w.From)) != "/usr/lib/systemd/system" || !under(w.Path, "/etc/systemd/system") {
						continue
					}
					out := c.Finding("hides %s, and all that its updates change", usrMerged(w.From)).Showing(c.Text)
					out.Path = "/etc/systemd/system/" + printable(path.Base(w.From))
					found(out.Fixed("write only what differs to /usr/lib/systemd/system/%s.d/10-local.conf", path.Base(w.From)))
				}
			}
			for n, l := range f.Layers {
				for i := range l.Files {
					file := &l.Files[i]
					w := file.Write()
					if w == nil || w.Op != Edit && w.Op != Append || file.Dir() != "/usr/lib/systemd/system" || madeBefore(f, n, file.Path) {
						continue
					}
					found(file.Finding("is the vendor's, and the edit is lost with its next update").
						Fixed("write only what differs to /usr/lib/systemd/system/%s.d/10-local.conf", file.Name()))
				}
			}
		},
	},
	{
		ID: "BL303", Slug: "etc-though-usr-works", Severity: Note, Stages: InSpec | InContainerfile | InRoot,
		Title: "static configuration in /etc",
		Rationale: `Programs that read this directory read one below /usr as well. What is there is read-only and is what the image says, on every device and after every
update. A file in /etc is merged with what the device has changed, and stays as it was once the device has touched it. /etc is for
what a site or a device changes, and wins over /usr where both have a file of the same name.`,
		URL: "https://bootc.dev/bootc/filesystem.html#etc",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY forward.conf /etc/sysctl.d/50-forward.conf
-- context/forward.conf --
net.ipv4.ip_forward = 1
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY forward.conf /usr/lib/sysctl.d/50-forward.conf
COPY ops /etc/sudoers.d/50-ops
RUN systemctl enable sshd && ln -s /dev/null /etc/systemd/system/debug.service
-- context/forward.conf --
net.ipv4.ip_forward = 1
-- context/ops --
%wheel ALL=(ALL) ALL
`,
		Wants: siteWants(),
		Check: func(f *Facts, found func(Finding)) {
			if !f.BoundaryKnown() {
				return
			}
			packaged := byPackages()
			homes := map[string]string{} // by directory
			for file := range f.Root.Below("/etc") {
				if !file.IsRegular() || !file.Derived() || file.Name() == "auth.json" {
					continue
				}
				dir := file.Dir()
				home, ok := homes[dir]
				if !ok {
					home, _ = bootc.UsrPath(dir + "/x")
					home = strings.TrimSuffix(home, "/x")
					homes[dir] = home
				}
				usr := home + "/" + file.Name()
				w := file.Write()
				switch {
				case home == "" || f.Root.File(usr) != nil || packaged(file):
					continue
				case w == nil && file.Size == 0: // masks the vendor's
					continue
				case w != nil && usrMerged(w.From) == usr: // BL302
					continue
				}
				if what, _ := siteSpecific(file); what == "" {
					found(file.Finding("is static, and in /etc a device may change it and then keeps its version").Fixed("put it at %s", printable(usr)))
				}
			}
		},
	},
}
