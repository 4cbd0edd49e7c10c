package lint

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// accountRules are about users and groups, whose numbers machines keep.
var accountRules = []Rule{
	{
		ID: "BL601", Slug: "sysusers-missing", Aliases: []string{"sysusers"}, Severity: Warning, Stages: InRoot,
		Title: "a user or group that only /etc/passwd or /etc/group has",
		Rationale: `/etc/passwd and /etc/group are merged file by file: on a machine where one of them was changed, be it by a password, an update of the image does not
bring the new account, and what runs as that user fails. systemd-sysusers makes it at boot from a line in /usr/lib/sysusers.d. Accounts in
/usr/lib/passwd (nss-altfiles) and of userdb are the image's anyway.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- layer 0:/etc/passwd --
root:x:0:0:root:/root:/bin/bash
acme:x:960:960:Acme agent:/var/lib/acme:/usr/sbin/nologin
-- layer 0:/etc/group --
root:x:0:
acme:x:960:
-- layer 0:/usr/lib/sysusers.d/basic.conf --
u root 0 - /root
g wheel -
`,
		Good: `
-- layer 0:/etc/passwd --
root:x:0:0:root:/root:/bin/bash
acme:x:960:960:Acme agent:/var/lib/acme:/usr/sbin/nologin
+nis
-- layer 0:/etc/group --
root:x:0:
acme:x:960:
-- layer 0:/usr/lib/sysusers.d/acme.conf --
u root 0 - /root
u! acme 960 "Acme agent" /var/lib/acme
`,
		Wants: accountWants(),
		Check: sysusersMissing,
	},
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
	{
		ID: "BL605", Slug: "unowned-id", Severity: Warning, Stages: InRoot,
		Title: "a file of a user or group that does not exist",
		Rationale: `The number has no name in the image: it comes from the machine that the file was made on, or of a package's account that is gone. The next account
that a device makes may get the number, and with it the file.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- layer 0:/etc/passwd --
root:x:0:0:root:/root:/bin/bash
-- layer 0:/etc/group --
root:x:0:
-- layer 0 --
file /etc/acme.conf 0640 1000:1000
`,
		Good: `
-- layer 0:/etc/passwd --
root:x:0:0:root:/root:/bin/bash
-- layer 0:/etc/group --
root:x:0:
-- layer 0:/usr/lib/sysusers.d/acme.conf --
u acme 960
-- layer 0 --
file /etc/acme.conf 0640 960:960
`,
		Wants: accountWants(),
		Check: unownedIDs,
	},
	{
		ID: "BL610", Slug: "passwd-consistency", Severity: Warning, Stages: InRoot,
		Title: "accounts that contradict each other",
		Rationale: `Two accounts with one number are one account to the kernel; of two with one name programs see the first. An account that is missing in /etc/shadow
cannot be locked or given a password, and bootc's own service that mends shadow files at boot stops at doubled lines.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- layer 0:/etc/passwd --
root:x:0:0:root:/root:/bin/bash
acme:x:960:960::/:/usr/sbin/nologin
other:x:960:961::/:/usr/sbin/nologin
`,
		Good: `
-- layer 0:/etc/passwd --
root:x:0:0:root:/root:/bin/bash
acme:x:960:960::/:/usr/sbin/nologin
-- layer 0:/etc/shadow 0000 --
root:!locked::0:99999:7:::
acme:!*:20000::::::
`,
		Wants: accountWants(),
		Check: contradictions,
	},
}

// accountWants are for rules that know who has which number.
func accountWants() []Want {
	return append(append(Reading(accountFiles...), Reading("/usr/lib/userdb/*")...), sysusersWants()...)
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

// sysusersMissing compares the accounts with what systemd-sysusers, nss-altfiles and userdb give each machine.
func sysusersMissing(f *Facts, found func(Finding)) {
	users, groups := map[string]bool{}, map[string]bool{}
	for _, l := range f.sysusers() {
		switch l.kind {
		case 'u':
			users[l.name], groups[l.name] = true, true
		case 'g':
			groups[l.name] = true
		}
	}
	for a := range f.Files("/usr/lib/userdb/*.user") {
		users[strings.TrimSuffix(a.Name(), ".user")] = true
	}
	for a := range f.Files("/usr/lib/userdb/*.group") {
		groups[strings.TrimSuffix(a.Name(), ".group")] = true
	}
	for _, kind := range []struct {
		file, lib, word string
		made            map[string]bool
	}{{passwdFile, "/usr/lib/passwd", "user", users}, {groupFile, "/usr/lib/group", "group", groups}} {
		file := f.Root.File(kind.file)
		if file == nil || f.Root.File(passwdFile) == nil { // as bootc: without users nobody minds the groups
			continue
		}
		for _, a := range f.accountsIn(kind.lib) {
			kind.made[a.name] = true
		}
		base := f.fromBase(kind.file)
		for _, a := range f.accountsIn(kind.file) {
			if kind.made[a.name] || base[a.name].name != "" {
				continue
			}
			kind.made[a.name] = true // told
			line := fmt.Sprintf("g %s %s\n", a.name, cmp.Or(a.field(2), "-"))
			what := kind.word + " " + printable(a.name)
			if kind.word == "user" {
				if line = sysusersFor(a); !groups[a.name] {
					what += " with its group"
				}
				groups[a.name] = true // the line makes both
			}
			found(file.Finding("the %s has no line in /usr/lib/sysusers.d: machines that are updated may not get it", what).
				OnLine(a.line).Showing(a.name).FixedBy("/usr/lib/sysusers.d/"+strings.ReplaceAll(a.name, "/", "-")+".conf", line, "add the line to a file of /usr/lib/sysusers.d"))
		}
	}
}

// sysusersFor is the line of sysusers.d that makes a user.
func sysusersFor(a account) string {
	id, gecos, shell := cmp.Or(a.field(2), "-"), "-", a.field(6)
	if gid := a.field(3); gid != a.field(2) && gid != "" {
		id += ":" + gid
	}
	if g := a.field(4); g != "" {
		gecos = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(g) + `"`
	}
	return strings.TrimRight(fmt.Sprintf("u %s %s %s %s %s", a.name, id, gecos, cmp.Or(a.field(5), "-"), shell), " -") + "\n"
}

// numbers are the users and groups that the image knows, by number.
func (f *Facts) numbers() (users, groups map[uint32]string, known bool) {
	users, groups = map[uint32]string{0: "root"}, map[uint32]string{0: "root"}
	for _, name := range []string{passwdFile, "/usr/lib/passwd"} {
		for _, a := range f.accountsIn(name) {
			if id, ok := a.id(2); ok {
				users[id] = a.name
			}
		}
	}
	for _, name := range []string{groupFile, "/usr/lib/group"} {
		for _, a := range f.accountsIn(name) {
			if id, ok := a.id(2); ok {
				groups[id] = a.name
			}
		}
	}
	for _, l := range f.sysusers() {
		if l.kind == 'u' && l.uid >= 0 {
			users[uint32(l.uid)] = l.name
			groups[uint32(l.uid)] = l.name
		}
		if l.gid >= 0 {
			groups[uint32(l.gid)] = l.name
		}
	}
	passwd, group := f.Root.File(passwdFile), f.Root.File(groupFile)
	return users, groups, passwd != nil && group != nil && passwd.Text() != "" && group.Text() != ""
}

// unownedIDs tells one file for each number and layer: a tree that was copied has many.
func unownedIDs(f *Facts, found func(Finding)) {
	users, groups, known := f.numbers()
	if !known || !f.Root.Whole {
		return
	}
	type owner struct {
		uid, gid uint32
		layer    *Layer
	}
	told := map[owner]int{}
	first := map[owner]*File{}
	for file := range f.Root.All() {
		if !file.Derived() || slices.ContainsFunc(dropped, func(d string) bool { return under(file.Path, d) }) {
			continue
		}
		o := owner{layer: file.Layer}
		if users[file.UID] == "" && file.UID != 65534 {
			o.uid = file.UID
		}
		if groups[file.GID] == "" && file.GID != 65534 {
			o.gid = file.GID
		}
		if o.uid+o.gid == 0 {
			continue
		}
		if told[o]++; first[o] == nil {
			first[o] = file
		}
	}
	for o, file := range first {
		what := fmt.Sprintf("user %d", o.uid)
		switch {
		case o.uid == 0:
			what = fmt.Sprintf("group %d", o.gid)
		case o.gid != 0:
			what += fmt.Sprintf(" and group %d", o.gid)
		}
		more := ""
		if n := told[o]; n > 1 {
			more = fmt.Sprintf(", the first of %d files", n)
		}
		found(file.Finding("belongs to %s, which no account has%s", what, more).Showing(what).Fixed("chown 0:0, or COPY --chown=0:0; what a service needs as its own belongs into /var by StateDirectory= or tmpfiles.d"))
	}
}

// contradictions looks for accounts that cannot be told apart, where the base does not have them already.
func contradictions(f *Facts, found func(Finding)) {
	for _, name := range []string{passwdFile, groupFile, shadowFile, gshadow} {
		file := f.Root.File(name)
		if file == nil || !file.Derived() {
			continue
		}
		base := f.fromBase(name)
		names, ids := map[string]account{}, map[uint32]account{}
		for _, a := range f.accountsIn(name) {
			id, hasID := a.id(2)
			switch same, ok := names[a.name]; {
			case base[a.name].name != "" && !ok:
			case ok:
				found(file.Finding("%s is in line %d already", printable(a.name), same.line).OnLine(a.line).Showing(a.name).Fixed("take one of the lines out"))
			case hasID && (name == passwdFile || name == groupFile) && ids[id].name != "":
				found(file.Finding("%s has the number %d of %s: they are one account", printable(a.name), id, printable(ids[id].name)).OnLine(a.line).Showing(a.name).Fixed("give it a number of its own"))
			}
			if names[a.name].name == "" {
				names[a.name] = a
			}
			if hasID && ids[id].name == "" {
				ids[id] = a
			}
		}
	}
	shadow := f.Root.File(shadowFile)
	if passwd := f.Root.File(passwdFile); passwd != nil && shadow != nil && shadow.Text() != "" && passwd.Derived() {
		has := map[string]bool{}
		for _, a := range f.accountsIn(shadowFile) {
			has[a.name] = true
		}
		base := f.fromBase(passwdFile)
		for _, a := range f.accountsIn(passwdFile) {
			if a.field(1) == "x" && !has[a.name] && base[a.name].name == "" {
				found(passwd.Finding("%s has no line in /etc/shadow", printable(a.name)).OnLine(a.line).Showing(a.name).Fixed("RUN pwconv, or let systemd-sysusers make the account"))
			}
		}
	}
}
