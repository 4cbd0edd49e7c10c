package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// userAddRules are about accounts that commands of a Containerfile make.
var userAddRules = []Rule{
	{
		ID: "BL602", Slug: "floating-uid", Severity: Warning, Stages: InSpec | InContainerfile,
		Title: "an account whose number the build picks",
		Rationale: `Without a number useradd takes the next that is free, which changes when a package adds an account before it. Files in /var on devices belong to
the number and not to the name: after an update they are somebody else's. systemd-sysusers keeps the number that a machine has once given.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN useradd -r -s /usr/sbin/nologin acme
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN useradd -r -u 960 -s /usr/sbin/nologin acme && groupadd --gid 961 -f acme-data && useradd --help
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				name, kind := makesAccount(c)
				flag, long, line := "-u", "--uid", fmt.Sprintf("u %s -\n", name)
				if kind == "group" {
					flag, long, line = "-g", "--gid", fmt.Sprintf("g %s -\n", name)
				}
				if name == "" || c.Has(flag, long) {
					continue
				}
				found(c.Finding("the number of the %s %s is what is free on the day of the build: on devices files change hands when it changes", kind, printable(name)).
					Showing(c.Text).FixedBy("/usr/lib/sysusers.d/"+path.Base(name)+".conf", line, "let systemd-sysusers make it: the file in the place of the command; or give a number with "+flag))
			}
		},
	},
	{
		ID: "BL603", Slug: "human-user", Severity: Warning, Stages: InSpec | InContainerfile,
		Title: "an account for people in the image",
		Rationale: `The home is in /var, which devices take from the image only when they are installed: a device that is updated to the image has the account
without its home. Its keys and password are the same everywhere. Accounts of people come at provisioning, from a directory, or by sysusers.d
and tmpfiles.d, which make account and home on each machine.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN useradd -m -G wheel ops
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN useradd --system --uid 960 --no-create-home --shell /usr/sbin/nologin acme
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				name, kind := makesAccount(c)
				if kind != "user" {
					continue
				}
				shell, _ := c.Value("-s", "--shell")
				locked := strings.HasSuffix(shell.Text, "nologin") || strings.HasSuffix(shell.Text, "/false")
				system := c.Has("-r", "--system", "-S")
				if !c.Has("-m", "--create-home") && (system || locked) || c.Name == "adduser" && (system || c.Has("-H", "--no-create-home")) {
					continue
				}
				found(c.Finding("makes an account for people: devices that are updated to the image have it without a home").Showing(c.Text).
					FixedBy("/usr/lib/sysusers.d/"+path.Base(name)+".conf", fmt.Sprintf("u %s - - /var/home/%s /bin/bash\n", name, name),
						fmt.Sprintf("give it at provisioning, or let each machine make it: this file, and d /var/home/%s 0700 %s %s - in tmpfiles.d", name, name, name)))
			}
		},
	},
}

// makesAccount says what user or group a command makes; name is "" if it makes none, or one whose name is not known.
func makesAccount(c *Command) (name, kind string) {
	withValue := strings.Fields("-b --base-dir -c --comment -d --home-dir --home -e --expiredate -f --inactive -g --gid -G --groups -k --skel -K --key -N -p --password -R --root -s --shell -u --uid -Z --selinux-user --gecos --ingroup -h -U")
	switch {
	case c.Is("useradd", "adduser"):
		kind = "user"
		if c.Name == "useradd" {
			withValue = slices.DeleteFunc(withValue, func(f string) bool { return f == "-N" || f == "-U" || f == "-h" })
		}
	case c.Is("groupadd", "addgroup"):
		kind = "group"
		withValue = strings.Fields("-g --gid -K --key -p --password -R --root -U --users")
	default:
		return "", ""
	}
	if c.Has("--help", "-D") && c.Name == "useradd" || c.Has("-R", "--root") {
		return "", ""
	}
	ops := c.Operands(withValue...)
	if len(ops) != 1 || !ops[0].Known || ops[0].Glob {
		return "", "" // "adduser USER GROUP" adds to a group
	}
	return ops[0].Text, kind
}
