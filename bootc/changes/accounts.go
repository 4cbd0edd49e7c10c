package changes

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/internal/tree"
)

// sysusersDirs have the declarations of systemd-sysusers; a file hides one of the same name in a later one (sysusers.d(5)).
var sysusersDirs = []string{"etc/sysusers.d", "usr/local/lib/sysusers.d", "usr/lib/sysusers.d"}

var accountFiles = append([]string{"etc/passwd", "etc/group", "usr/lib/passwd", "usr/lib/group"}, sysusersDirs...)

// compareAccounts compares users and groups.
func compareAccounts(from, to *tree.Tree) (users, groups []Account) {
	oldUsers, oldGroups := accounts(from)
	newUsers, newGroups := accounts(to)
	return diffAccounts(oldUsers, newUsers), diffAccounts(oldGroups, newGroups)
}

func diffAccounts(from, to map[string]string) []Account {
	var out []Account
	for _, name := range sortedKeys(from, to) {
		if from[name] != to[name] {
			out = append(out, Account{name, from[name], to[name]})
		}
	}
	return out
}

// accounts are the numbers of users and groups, by name. Those in files count before those that are declared; ostree systems
// have the base's own in /usr/lib.
func accounts(t *tree.Tree) (users, groups map[string]string) {
	users, groups = map[string]string{}, map[string]string{}
	for _, f := range []struct {
		name string
		out  map[string]string
	}{{"etc/passwd", users}, {"usr/lib/passwd", users}, {"etc/group", groups}, {"usr/lib/group", groups}} {
		text, err := fs.ReadFile(t, t.Resolve(f.name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if parts := strings.Split(strings.TrimSpace(line), ":"); len(parts) > 2 {
				setOnce(f.out, parts[0], parts[2])
			}
		}
	}
	for _, text := range sysusers(t) {
		for line := range strings.Lines(text) {
			declare(users, groups, fieldsOf(line))
		}
	}
	return users, groups
}

func setOnce(m map[string]string, name, number string) {
	if _, ok := m[name]; !ok && name != "" {
		m[name] = number
	}
}

// declare takes a line of sysusers.d.
func declare(users, groups map[string]string, line []string) {
	if len(line) < 2 {
		return
	}
	uid, gid := AnyNumber, ""
	if len(line) > 2 {
		uid, gid, _ = strings.Cut(line[2], ":")
	}
	number := func(s string) string {
		if _, err := strconv.ParseUint(s, 10, 32); err != nil {
			return AnyNumber // "-", or a path whose owner it is
		}
		return s
	}
	switch strings.TrimRight(line[0], "!") {
	case "u":
		setOnce(users, line[1], number(uid))
		if gid == "" { // else a group that is there already
			setOnce(groups, line[1], number(uid))
		}
	case "g":
		setOnce(groups, line[1], number(uid))
	case "m":
		setOnce(users, line[1], AnyNumber)
		setOnce(groups, line[1], AnyNumber)
		if len(line) > 2 {
			setOnce(groups, line[2], AnyNumber)
		}
	}
}

// sysusers are the contents of the files in sysusers.d, in the order of their names.
func sysusers(t *tree.Tree) []string {
	at := map[string]string{}
	for _, dir := range sysusersDirs {
		entries, _ := t.ReadDir(dir)
		for _, e := range entries {
			if path.Ext(e.Name()) == ".conf" {
				setOnce(at, e.Name(), path.Join(dir, e.Name()))
			}
		}
	}
	var out []string
	for _, name := range sortedKeys(at, nil) {
		if text, err := fs.ReadFile(t, t.Resolve(at[name])); err == nil { // a link to /dev/null is none
			out = append(out, string(text))
		}
	}
	return out
}

// fieldsOf takes a line apart at spaces that are not in quotes; a comment has none.
func fieldsOf(line string) []string {
	if strings.HasPrefix(strings.TrimSpace(line), "#") {
		return nil
	}
	quote := rune(0)
	return strings.FieldsFunc(line, func(c rune) bool {
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
		return quote == 0 && strings.ContainsRune(" \t\r\n", c)
	})
}

// renumbered warns of numbers that files on devices still have.
func (r *Report) renumbered() {
	for _, list := range [][]Account{r.Users, r.Groups} {
		for _, a := range list {
			if a.Kind() == Changed && a.From != AnyNumber {
				r.warn("%s had the number %s and has %s: what it owns in /var of a device keeps the old one", a.Name, a.From, a.To)
			}
		}
	}
	slices.Sort(r.Warnings)
	r.Warnings = slices.Compact(r.Warnings)
}
