package lint

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// ownerRules are about whom files belong to.
var ownerRules = []Rule{
	{
		ID: "BL604", Slug: "nonroot-owner-in-usr", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a file of the system that is not root's",
		Rationale: `Machines give numbers to accounts one by one: what is user 1000 where the image was made is somebody else on a device, and may change files there that
all run as root. /usr is read-only as long as the device runs, but not what is mounted over it, nor /etc. Numbers that the image itself
fixes, in /usr/lib/sysusers.d or /usr/lib/passwd, are the same everywhere and are left out, and so are files with setuid and setgid bits.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY --chown=1000:1000 agent /usr/libexec/acme/agent
-- context/agent --
#!/bin/sh
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY agent /usr/libexec/acme/agent
COPY --chown=1000:1000 data /var/lib/acme/data
-- context/agent --
#!/bin/sh
-- context/data --
x
`,
		Wants: accountWants(),
		Check: foreignOwners,
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
}

// foreignOwners tells one file for each directory, owner and step.
func foreignOwners(f *Facts, found func(Finding)) {
	fixedUsers, fixedGroups := map[uint32]bool{0: true}, map[uint32]bool{0: true}
	for _, l := range f.sysusers() {
		if l.uid >= 0 {
			fixedUsers[uint32(l.uid)], fixedGroups[uint32(l.uid)] = true, true
		}
		if l.gid >= 0 {
			fixedGroups[uint32(l.gid)] = true
		}
	}
	for name, fixed := range map[string]map[uint32]bool{"/usr/lib/passwd": fixedUsers, "/usr/lib/group": fixedGroups} {
		for _, a := range f.accountsIn(name) {
			if id, ok := a.id(2); ok {
				fixed[id] = true
			}
		}
	}
	fromPackage := byPackages()
	foreign := func(yield func(*File) bool) {
		for _, dir := range []string{"/usr", "/opt", "/etc/systemd"} {
			for file := range f.Root.Below(dir) {
				mine := fixedUsers[file.UID] && (fixedGroups[file.GID] || file.Mode&(fs.ModeSetgid|fs.ModeSetuid) != 0)
				if !mine && file.Derived() && !file.IsLink() && !fromPackage(file) && !yield(file) {
					return
				}
			}
		}
	}
	for _, b := range bunches(foreign, func(file *File) string { return fmt.Sprintf("%s %d", topDir(file), file.UID) }) {
		dir, _, _ := strings.Cut(b.dir, " ")
		who := fmt.Sprintf("user %d", b.first.UID)
		if b.first.UID == 0 {
			who = fmt.Sprintf("group %d", b.first.GID)
		}
		out := b.first.Finding("belongs to %s, which is another account on each device", who)
		if b.files > 1 {
			out = b.first.Finding("%d files below %s belong to %s, which is another account on each device", b.files, dir, who)
		}
		found(out.Showing(dir+" "+who).Fixed("COPY --chown=0:0, or chown -R 0:0 %s", printable(dir)))
	}
}

// topDir is the directory of a program: /usr/share/acme, /opt/acme.
func topDir(f *File) string {
	parts := strings.SplitN(f.Path, "/", 5)
	n := 4
	if parts[1] != "usr" {
		n = 3
	}
	return strings.Join(parts[:min(n, len(parts)-1)], "/")
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
