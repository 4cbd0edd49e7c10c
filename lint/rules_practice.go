package lint

import (
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// practiceRules are about where configuration belongs: drop-ins instead of edited files, /usr instead of /etc, and in no image at all what
// differs from one device to another.
var practiceRules = []Rule{
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
					how := howEdited(f, n, file)
					if how == "" || packaged(file) {
						continue
					}
					advice, ok := editAdvice(file, how)
					if ok {
						found(advice)
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
			for file := range f.Root.Below("/etc") {
				if !file.IsRegular() || !file.Derived() || file.Name() == "auth.json" {
					continue
				}
				usr, ok := bootc.UsrPath(file.Path)
				w := file.Write()
				switch {
				case !ok || f.Root.File(usr) != nil || packaged(file):
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
	{
		ID: "BL304", Slug: "site-specific-in-image", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "what differs from one device or site to another",
		Rationale: `Every device with the image has it: the same name, address or disk. What belongs to one device or site comes with its provisioning, or from the
fleet's configuration.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN echo press-7 > /etc/hostname
COPY uplink.nmconnection /etc/NetworkManager/system-connections/
-- context/uplink.nmconnection --
[connection]
id=uplink
[ipv4]
method=manual
address1=10.1.2.3/24,10.1.2.1
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN echo localhost > /etc/hostname
COPY uplink.nmconnection /etc/NetworkManager/system-connections/
-- context/uplink.nmconnection --
[connection]
id=uplink
[ipv4]
method=auto
`,
		Wants: siteWants(),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.Below("/etc") {
				if !file.Derived() {
					continue
				}
				if what, line := siteSpecific(file); what != "" {
					found(file.Finding("has %s, which every device with the image then has", clip(what)).OnLine(line).
						Fixed("leave it to provisioning (cloud-init, Ignition, kickstart) or to the configuration of the fleet"))
				}
			}
		},
	},
	{
		ID: "BL305", Slug: "site-specific-in-usr", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "what differs from one device to another, where no device can change it",
		Rationale: `/usr is read-only. What is there holds for every device, and a site that needs another name or address cannot set it without an image of its own.
Where a file of the same name in /etc wins, a site can at least do that.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0:/usr/lib/bootc/kargs.d/10-net.toml --
kargs = ["ip=10.1.2.3::10.1.2.1:255.255.255.0:press-7:eth0:none"]
`,
		Good: `
-- layer 0:/usr/lib/bootc/kargs.d/10-net.toml --
kargs = ["ip=dhcp"]
`,
		Wants: siteWants(),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.Below("/usr/lib") {
				if !file.Derived() {
					continue
				}
				what, line := siteSpecific(file)
				if what == "" {
					continue
				}
				out := file.Finding("has %s, and no device can have another", clip(what))
				if usr, ok := bootc.UsrPath(file.Path); ok && usr == file.Path && file.Dir() != kargsDir {
					out = file.Finding("has %s, which every device with the image then has, unless a file of the same name in /etc says otherwise", clip(what)).As(Warning)
				}
				found(out.OnLine(line).Fixed("leave it to provisioning (cloud-init, Ignition, kickstart) or to the configuration of the fleet"))
			}
		},
	},
	{
		ID: "BL306", Slug: "mutable-in-usr", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a path below /usr that devices are told to write",
		Rationale: `Linter.Managed lists what a fleet's configuration, or another tool, writes on running devices. /usr is read-only there: the tool fails, and with
Flight Control the whole update of the device does.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0 --
file /usr/lib/acme/agent.conf
-- linter.json --
{"Managed": ["/usr/lib/acme/agent.conf"]}
`,
		Good: `
-- layer 0 --
file /etc/acme/agent.conf
link /usr/local -> ../var/usrlocal
-- linter.json --
{"Managed": ["/etc/acme/agent.conf", "/usr/local/etc/acme.conf"]}
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, p := range f.Managed {
				file, end := f.Root.Resolve(p)
				if !under(end, "/usr") {
					continue
				}
				out := f.Finding("devices are told to write %s, and /usr is read-only there", printable(p))
				if file != nil {
					out = file.Finding("devices are told to write it, and /usr is read-only there")
				}
				found(out.Fixed("have the tool write below /etc, where the program looks first"))
			}
		},
	},
	{
		ID: "BL307", Slug: "ignored-oci-config", Severity: Warning, Stages: InSpec | InContainerfile | InConfig,
		Title: "settings for containers, which a device does not read",
		Rationale: `A device boots the root file system; what EXPOSE, ENV, HEALTHCHECK, VOLUME and ENTRYPOINT say is for who runs the image as a container. The port stays
closed, the variable unset, and the check does not run. Units, their Environment= and their timers do this on a device.`,
		URL: "https://bootc.dev/bootc/building/bootc-runtime.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install nginx
EXPOSE 443
ENV NGINX_WORKERS=4
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
ARG VERSION=1
RUN dnf -y install nginx-$VERSION
ENV container=oci
STOPSIGNAL SIGRTMIN+3
CMD ["/sbin/init"]
`,
		Check: func(f *Facts, found func(Finding)) {
			c := f.Config
			if c == nil {
				return
			}
			say := func(s Setting, what, fix string) {
				if s.Set && !s.Base {
					found(s.Finding("%s means nothing to a device, which boots and is no container", what).Fixed("%s", fix))
				}
			}
			for _, name := range sortedKeys(c.Ports) {
				say(c.Ports[name], "the exposed port "+clip(name), "firewall-offline-cmd --add-port="+clip(portOf(name)))
			}
			for _, name := range sortedKeys(c.Volumes) {
				say(c.Volumes[name], "the volume "+clip(name), "a .mount unit, or StateDirectory= in the unit that needs it")
			}
			say(c.Healthcheck, "the health check", "a check of greenboot in /usr/lib/greenboot/check/required.d, or a timer")
			say(c.Entrypoint, "the entrypoint", "a unit that is enabled")
			inherits := slices.ContainsFunc(sortedKeys(c.Env), func(name string) bool { return c.Env[name].Base })
			for _, name := range sortedKeys(c.Env) {
				s := c.Env[name]
				if !s.Set || s.Base || name == "PATH" || name == "container" || s.Step == nil && !inherits {
					continue
				}
				out := s.Finding("the variable %s is not set on a device", clip(name)).Fixed("Environment= in the unit that reads it, or a file in /usr/lib/environment.d for the sessions of users")
				if s.Step == nil || runsAfter(s.Step) {
					out = s.Finding("the variable %s is set for the build and for containers, and not on a device", clip(name)).As(Note).
						Fixed("for the build alone ARG does; for a service Environment= in its unit")
				}
				found(out)
			}
		},
	},
	{
		ID: "BL308", Slug: "user-left-nonroot", Severity: Warning, Stages: InSpec | InContainerfile | InConfig,
		Title:     "a user other than root at the end",
		Rationale: `On a device the user means nothing. Whoever builds on top of the image, or runs bootc's own lint in it, finds that steps fail for want of rights.`,
		URL:       "https://bootc.dev/bootc/building/bootc-runtime.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
USER acme
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
USER acme
RUN acme-setup
USER 0
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Config == nil {
				return
			}
			s := f.Config.User
			name, _, _ := strings.Cut(s.Value, ":")
			if s.Set && !s.Base && !s.Unknown && name != "" && name != "root" && name != "0" {
				found(s.Finding("the user is %s: steps on top of the image lack the rights they need, and a device does not heed it", clip(s.Value)).
					Fixed("USER 0 at the end; a service has User= in its unit"))
			}
		},
	},
}

// otherEdits are files for which there is no directory of drop-ins, and what to do instead. Those that are only meant when edited are made
// by who owns them.
var otherEdits = []struct {
	glob, advice string
	editOnly     bool
}{
	{"/etc/fstab", "write a mount unit, /usr/lib/systemd/system/srv-data.mount for /srv/data, and enable it", false},
	{"/etc/pam.d/*", "select a profile: authselect on Fedora and its relatives, pam-auth-update on Debian", true},
	{"/etc/flightctl/config.yaml", "log-level, system-info, system-info-custom, system-info-timeout and label-from-systeminfo have drop-ins in /etc/flightctl/conf.d", true},
}

// editWants asks for the digests by which an edit shows in the layers of an image.
func editWants() []Want {
	var out []Want
	for _, glob := range []string{"/etc/*", "/etc/*/*", "/etc/*/*/*"} {
		out = append(out, Want{Glob: glob, Digest: true})
	}
	return out
}

// howEdited says what layer n does to a file that the base has: "replaces", "edits" or "adds to"; "" if nothing is known.
func howEdited(f *Facts, n int, file *File) string {
	if f.At(InLayers) {
		for i := n - 1; i >= 0; i-- {
			if below := f.Layers[i].File(file.Path); below != nil {
				if below.IsRegular() && below.Digest() != "" && file.Digest() != "" && below.Digest() != file.Digest() && f.BoundaryKnown() {
					return "edits"
				}
				return ""
			}
			if f.Layers[i].Hides(file.Path) {
				return ""
			}
		}
		return ""
	}
	w := file.Write()
	switch {
	case w == nil:
		return "replaces"
	case w.Op == Edit:
		return "edits"
	case w.Op == Append:
		return "adds to"
	case w.Op == Create || w.Op == Copy || w.Op == Move:
		return "replaces"
	}
	return ""
}

// editAdvice is the finding about a file that has a directory for drop-ins, or another way to the same end.
func editAdvice(file *File, how string) (Finding, bool) {
	out := file.Finding("the image %s it, and no longer gets what the distribution changes in it", how)
	if w := file.Write(); w != nil {
		out = out.Showing(w.Command.Text)
	}
	if dropIn, ok := bootc.DropInPath(file.Path, "50-local"); ok {
		note := "say in a drop-in what differs, and leave " + printable(file.Path) + " as it is"
		if path.Dir(dropIn) == "/etc/sudoers.d" {
			note += "; sudo wants mode 0440 and a name without dots"
		}
		text := ""
		if w := file.Write(); w != nil && w.Op == Append && w.Known {
			text = string(w.Content)
		}
		return out.FixedBy(dropIn, text, note), true
	}
	for _, o := range otherEdits {
		if ok, _ := path.Match(o.glob, file.Path); ok && (how != "replaces" || !o.editOnly) {
			return out.Fixed("%s", o.advice), true
		}
	}
	return Finding{}, false
}

// madeBefore says whether a layer below n has the file, before the build one of this Containerfile.
func madeBefore(f *Facts, n int, p string) bool {
	return slices.ContainsFunc(f.Layers[:n], func(l *Layer) bool { file := l.File(p); return file != nil && !file.Whiteout() })
}

// runsAfter says whether a RUN of the image comes after the step.
func runsAfter(s *Step) bool {
	i := slices.Index(s.build.Steps, s)
	return slices.ContainsFunc(s.build.Steps[i+1:], func(o *Step) bool {
		_, run := o.Step.(containerfile.Run)
		return run && o.InImage
	})
}

// portOf is a port as firewalld takes it.
func portOf(s string) string {
	if !strings.Contains(s, "/") {
		s += "/tcp"
	}
	return s
}
