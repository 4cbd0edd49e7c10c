package lint

import (
	"cmp"
	"fmt"
	"strings"
)

// accountRules are about the files of users and groups, whose numbers machines keep.
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
