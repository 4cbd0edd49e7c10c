package lint

import (
	"slices"
	"strings"
)

// taskRules are about what a device does by itself, at boot or from time to time.
var taskRules = []Rule{
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
