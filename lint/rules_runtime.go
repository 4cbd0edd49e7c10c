package lint

import (
	"slices"
	"strings"
)

// runtimeRules are about changes to a system while it runs.
var runtimeRules = []Rule{
	{
		ID: "BL401", Slug: "runtime-package-install", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a device that installs software by itself",
		Rationale: `/usr is read-only, so that the package tool fails; where it is made writable, what it installs is gone after the next update or boot, and until
then the device runs what nobody has tested. Software comes with the image, or as a container beside it.`,
		URL: "https://bootc.dev/bootc/package-managers.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY <<EOF /usr/lib/systemd/system/tools.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'dnf -y install tcpdump || curl -s https://acme.example/tools.sh | sh'
EOF
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install tcpdump
COPY <<EOF /usr/lib/systemd/system/tools.service
[Service]
Type=oneshot
ExecStartPre=/usr/bin/dnf -q check-update
ExecStart=/usr/bin/podman run --rm quay.io/acme/tools:1 dnf -y install tcpdump
ExecStart=/var/lib/acme/venv/bin/pip install --upgrade acme
EOF
`,
		Wants: taskWants(),
		Check: func(f *Facts, found func(Finding)) {
			for _, t := range f.tasks() {
				if what, why := softwareChange(t.Command); what != "" {
					found(t.finding("%s runs %s on the device: %s", t.by, what, why).Fixed("install it in the image, or run it from a container"))
				}
			}
		},
	},
	{
		ID: "BL402", Slug: "cron-reboot", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a cron job at boot",
		Rationale: `Every update ends in a boot, so that what was meant to run once runs after each of them, unordered with the services that it prepares. A job that
changes the system at boot belongs into the build of the image; the rest into a unit, which has an order, a state and a log.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0:/etc/cron.d/acme --
@reboot root /usr/bin/acme-prepare
`,
		Good: `
-- layer 0:/etc/cron.d/acme --
MAILTO=root
# @reboot is not used here
17 3 * * * root /usr/bin/acme-prune
`,
		Wants: taskWants(),
		Check: func(f *Facts, found func(Finding)) {
			for _, t := range f.tasks() {
				if what, _ := softwareChange(t.Command); !t.reboot || what != "" { // BL401
					continue
				}
				out := t.finding("runs at each boot, and so after each update")
				if slices.ContainsFunc(fileChanges(f.Root, t.Command), func(c fileChange) bool { return c.severity == Error }) {
					out = t.finding("changes the system at each boot, where it is read-only").As(Error)
				}
				found(out.Fixed("do it in the build, or in a unit: Type=oneshot, WantedBy=multi-user.target"))
			}
			for c := range f.Commands() {
				if c.Is("crontab") && (strings.Contains(c.Input.Text, "@reboot") || strings.Contains(c.Text, "@reboot")) {
					found(c.Finding("runs a job at each boot, and so after each update").Showing(c.Text).Fixed("do it in the build, or in a unit: Type=oneshot, WantedBy=multi-user.target"))
				}
			}
		},
	},
	{
		ID: "BL403", Slug: "unit-mutates-os", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a device that changes files of the OS by itself",
		Rationale: `/usr and /opt are read-only on a device, so that a command that writes there fails. What is written to /etc makes the device differ from its
image for good: updates merge around it, and nobody sees it in the image. Files belong into the image; directories and links in /var
and /run are made by systemd-tmpfiles, and what a fleet changes comes with its configuration.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY <<EOF /usr/lib/systemd/system/prepare.service
[Service]
Type=oneshot
ExecStart=/usr/libexec/prepare
EOF
COPY --chmod=0755 <<EOF /usr/libexec/prepare
#!/bin/sh
cp /usr/share/acme/agent /usr/bin/agent
sed -i s/old/new/ /etc/acme.conf
EOF
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY <<EOF /usr/lib/systemd/system/prepare.service
[Service]
Type=oneshot
ExecStart=/usr/libexec/prepare
EOF
COPY --chmod=0755 <<EOF /usr/libexec/prepare
#!/bin/sh
mkdir -p /var/lib/acme
cp /usr/share/acme/agent.db /var/lib/acme/
date > /run/acme
EOF
`,
		Wants: taskWants(),
		Check: func(f *Facts, found func(Finding)) {
			packaged := byPackages()
			for _, t := range f.tasks() {
				for _, c := range fileChanges(f.Root, t.Command) {
					if c.severity < Error && packaged(t.file) || t.reboot && c.severity == Error || t.flagOf(c.write) != "" { // BL402, BL407
						continue
					}
					found(t.finding("%s changes %s, %s", t.by, printable(c.path), c.why).As(c.severity).Fixed("%s", instead(c)))
				}
			}
		},
	},
	{
		ID: "BL404", Slug: "rc-local", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a script in rc.local",
		Rationale: `rc.local runs at each boot, after everything else and with nothing that waits for it or notices that it fails. What it does to the system is found
in no list of units.`,
		URL: "https://www.freedesktop.org/software/systemd/man/latest/systemd-rc-local-generator.html",
		Bad: `
-- layer 0:/etc/rc.d/rc.local 0755 --
#!/bin/sh
/usr/bin/acme-start &
`,
		Good: `
-- layer 0:/etc/rc.d/rc.local 0644 --
#!/bin/sh
touch /run/lock/subsys/local
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Files("/etc/rc.local", "/etc/rc.d/rc.local") {
				if file.IsRegular() && file.Derived() && file.Mode&0o111 != 0 && file.Size > 0 {
					found(file.Finding("runs at each boot, and nothing notices if it fails").Fixed("make it a unit: Type=oneshot, WantedBy=multi-user.target"))
				}
			}
		},
	},
	{
		ID: "BL405", Slug: "live-verb-in-run", Severity: Error, Stages: InContainerfile | InSpec,
		Title: "a command that needs a running system",
		Rationale: `While an image is built there is no systemd and no kernel of its own. Commands that talk to them fail, or seem to work and leave
nothing behind. What they should do belongs into files that take effect at boot.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install nginx && \
    systemctl enable --now nginx && \
    dnf clean all
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install nginx && \
    systemctl enable nginx && \
    systemctl --root=/mnt start nginx && \
    firewall-offline-cmd --add-service=https && \
    dnf clean all
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				if v := liveVerb(c); v.what != "" {
					found(c.Finding("%s needs a running system, which a build does not have", v.what).As(v.severity).Fixed("%s", v.fix).Showing(c.Text))
				}
			}
		},
	},
	{
		ID: "BL406", Slug: "bootloader-edit", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a change to the boot loader",
		Rationale: `bootc writes the boot entries itself, from the kernel and the kernel arguments of the image, anew with each update. What a build does to
/boot is hidden on a device, /etc/default/grub is not read, and an entry that is changed on a device is replaced by the next update.`,
		URL: "https://bootc.dev/bootc/building/kernel-arguments.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN grubby --update-kernel=ALL --args="console=ttyS0"
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY <<EOF /usr/lib/bootc/kargs.d/10-console.toml
kargs = ["console=ttyS0"]
EOF
RUN grubby --info=ALL
`,
		Wants: append(taskWants(), Want{Glob: "/etc/default/grub", Digest: true}),
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				if what, fix := bootChange(c); what != "" {
					found(c.Finding("%s has no effect on a device, where bootc writes the boot entries", what).Showing(c.Text).Fixed("%s", fix))
				}
			}
			for _, t := range f.tasks() {
				if what, fix := bootChange(t.Command); what != "" {
					found(t.finding("%s runs %s, and the next update undoes it: bootc writes the boot entries", t.by, what).Fixed("%s", fix))
				}
			}
			packaged := byPackages()
			for n, l := range f.Layers {
				file := l.File("/etc/default/grub")
				if file == nil || file.Whiteout() || !file.Derived() || packaged(file) || f.At(InLayers) && howEdited(f, n, file) == "" || f.At(InRoot) && !f.At(InLayers) {
					continue
				}
				found(file.Finding("is not read by bootc, which writes the boot entries: the arguments are never set").
					FixedBy(kargsDir+"/50-local.toml", "kargs = [\"console=ttyS0\"]\n", "write the arguments there"))
			}
		},
	},
	{
		ID: "BL407", Slug: "firstboot-flag-in-etc", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a unit that deletes its own flag in /etc",
		Rationale: `To delete a file that the image has in /etc is a change of the device like any other. Updates keep it deleted; with some versions of bootc they
failed on it. A flag that is used up belongs into /var, or is not needed: ConditionFirstBoot= and StateDirectory= do the same.`,
		URL: "https://github.com/bootc-dev/bootc/issues/1924",
		Bad: `
-- layer 0:/usr/lib/systemd/system/join.service --
[Unit]
ConditionPathExists=/etc/acme/join-next-boot
[Service]
Type=oneshot
ExecStart=/usr/bin/acme-join
ExecStartPost=/usr/bin/rm -f /etc/acme/join-next-boot
`,
		Good: `
-- layer 0:/usr/lib/systemd/system/join.service --
[Unit]
ConditionPathExists=!/var/lib/acme/joined
[Service]
Type=oneshot
ExecStart=/usr/bin/acme-join
ExecStartPost=/usr/bin/touch /var/lib/acme/joined
`,
		Wants: taskWants(),
		Check: func(f *Facts, found func(Finding)) {
			for _, t := range f.tasks() {
				for _, w := range t.Writes {
					if flag := t.flagOf(w); flag != "" {
						found(t.finding("deletes %s, its own condition: the device then differs from its image", printable(flag)).
							Fixed("ConditionPathExists=!/var/lib/NAME/done, and touch that file at the end; or ConditionFirstBoot=yes"))
					}
				}
			}
		},
	},
	{
		ID: "BL408", Slug: "condition-never-true", Severity: Warning, Stages: InRoot,
		Title: "a unit with a condition that never holds",
		Rationale: `systemd skips a unit whose condition does not hold, and says so nowhere but in its status. What the path in the condition names is not in the image, and nothing
in it makes it: often it is the name that has a mistake.`,
		URL: "https://bootc.dev/bootc/building/management-services.html",
		Bad: `
-- layer 0 --
use bootable
-- layer 1:/usr/lib/systemd/system/join.service --
[Unit]
ConditionPathExists=/etc/acme/.run_client_next_boot
[Service]
ExecStart=/usr/bin/acme-join
-- layer 1:/etc/acme/.run_next_boot --
yes
-- linter.json --
{"BaseLayers": 1}
`,
		Good: `
-- layer 0 --
use bootable
-- layer 1:/usr/lib/systemd/system/join.service --
[Unit]
ConditionPathExists=/etc/acme/.run_next_boot
ConditionPathExists=!/usr/share/acme/off
ConditionPathExists=/var/lib/acme/ready
[Service]
ExecStart=/usr/bin/acme-join
-- layer 1:/etc/acme/.run_next_boot --
yes
-- linter.json --
{"BaseLayers": 1}
`,
		Wants: append(taskWants(), tmpfilesWants()...),
		Check: func(f *Facts, found func(Finding)) {
			if !f.Root.Whole || !f.BoundaryKnown() { // bases have units for what only some devices have
				return
			}
			packaged := byPackages()
			made := madeAtRuntime(f)
			for _, u := range f.units() {
				if u.masked || u.file == nil || !u.file.Derived() || packaged(u.file) {
					continue
				}
				for _, key := range []string{"ConditionPathExists", "ConditionFileNotEmpty", "ConditionFileIsExecutable", "ConditionPathIsDirectory"} {
					for _, s := range u.all("Unit", key) {
						if out, ok := neverTrue(f, s, made); ok {
							found(out)
						}
					}
				}
			}
		},
	},
	{
		ID: "BL409", Slug: "self-updaters", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a second way for the device to update itself",
		Rationale: `A bootable image is updated as a whole. A timer of the package tool downloads packages that it cannot install, fails every day, or changes the system behind
the back of bootc.`,
		URL: "https://bootc.dev/bootc/package-managers.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install dnf-automatic && systemctl enable dnf-automatic.timer
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install dnf-automatic && systemctl enable dnf-automatic.timer && systemctl disable dnf-automatic.timer
`,
		Wants: append(unitWants(), Reading("/etc/rpm-ostreed.conf")...),
		Check: func(f *Facts, found func(Finding)) {
			states := f.unitStates()
			for _, name := range sortedKeys(states) {
				s := states[name]
				if !s.runs() || !unitName(name, selfUpdaters...) {
					continue
				}
				out := s.finding("%s updates packages on the device, and /usr is read-only there", name)
				if name == "rpm-ostreed-automatic.timer" {
					policy, known := rpmOstreePolicy(f)
					switch {
					case known && policy != "stage" && policy != "apply":
						continue
					case !known:
						out = out.As(Warning).Unsure(Likely)
					}
				}
				found(out.Fixed("systemctl disable %s", name))
			}
		},
	},
	{
		ID: "BL410", Slug: "double-updater", Severity: Error, Stages: InSpec | InContainerfile | InRoot, Profiles: []Profile{Edge},
		Title: "both the Flight Control agent and bootc's timer update the device",
		Rationale: `The agent decides which image a device runs, and when. bootc-fetch-apply-updates.timer takes the newest image of the tag that was booted and reboots at
once: the two undo each other's work. Packages of the agent from 1.2 on mask the timer on the device, in most but not all ways in
which they can be installed.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0 --
link /etc/systemd/system/multi-user.target.wants/flightctl-agent.service -> /usr/lib/systemd/system/flightctl-agent.service
link /usr/lib/systemd/system/default.target.wants/bootc-fetch-apply-updates.timer -> ../bootc-fetch-apply-updates.timer
-- layer 0:/usr/lib/systemd/system/flightctl-agent.service --
[Service]
ExecStart=/usr/bin/flightctl-agent
-- layer 0:/usr/lib/systemd/system/bootc-fetch-apply-updates.timer --
[Timer]
OnBootSec=1h
`,
		Good: `
-- layer 0 --
link /etc/systemd/system/multi-user.target.wants/flightctl-agent.service -> /usr/lib/systemd/system/flightctl-agent.service
link /usr/lib/systemd/system/default.target.wants/bootc-fetch-apply-updates.timer -> ../bootc-fetch-apply-updates.timer
link /etc/systemd/system/bootc-fetch-apply-updates.timer -> /dev/null
`,
		Wants: unitWants(),
		Check: func(f *Facts, found func(Finding)) {
			const (
				agent = "flightctl-agent.service"
				timer = "bootc-fetch-apply-updates.timer"
				fix   = "RUN systemctl mask " + timer
			)
			states := f.unitStates()
			a, t := states[agent], states[timer]
			switch ownMask := f.Root.File("/usr/libexec/flightctl/mask-bootc-timer.sh") != nil; {
			case !a.runs() || t.masked:
			case t.enabled && ownMask:
				found(t.finding("%s is enabled in the image; the agent's package masks it on the device", timer).As(Note).Fixed(fix))
			case t.enabled:
				found(t.finding("%s updates the device as well as the agent does", timer).Fixed(fix))
			case !f.Root.Whole: // the base may enable it
				found(a.finding("nothing here masks %s, which the base may have enabled; the agent's package does from 1.2 on", timer).As(Note).Unsure(Possible).Fixed(fix))
			}
		},
	},
}

// selfUpdaters are units that update packages.
var selfUpdaters = []string{
	"dnf-automatic.timer", "dnf-automatic-install.timer", "dnf-automatic-download.timer", "dnf-automatic-notifyonly.timer", "dnf5-automatic.timer",
	"rpm-ostreed-automatic.timer", "unattended-upgrades.service", "yum-cron.service",
}

// rpmOstreePolicy is what rpm-ostreed-automatic.timer is configured to do; none is the default.
func rpmOstreePolicy(f *Facts) (policy string, known bool) {
	file := f.Root.File("/etc/rpm-ostreed.conf")
	if file == nil {
		return "none", f.Root.Whole
	}
	text, known := file.Content()
	k, _, _ := parseKeyFile(string(text))
	return k.get("Daemon", "AutomaticUpdatePolicy"), known
}

// instead is what to do instead of a change at run time.
func instead(c fileChange) string {
	switch {
	case c.write.Op == Mkdir || c.write.Op == Symlink:
		return "make it in the image; or below /var or /run, by a line of tmpfiles.d"
	case c.severity == Error:
		return "do it in the build of the image, or write below /var"
	case under(c.path, "/boot"):
		return "kernel arguments go into /usr/lib/bootc/kargs.d, and the kernel comes with the image"
	}
	return "ship the file in the image; or write below /var or /run, and have the program read it there"
}
