package bootc

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// owner finds the numbers for "user", "user:group" or ":group": names as the base has them, or numbers.
// The zero value is root:root; a user without group has the user's own group, which a number has not.
func (d *Draft) owner(at, s string) (uid, gid int, err error) {
	user, group, hasGroup := strings.Cut(s, ":")
	if user != "" {
		if uid, gid, err = d.account(user, "passwd"); err != nil {
			return 0, 0, &FieldError{at, err}
		}
		if gid < 0 && !hasGroup {
			return 0, 0, Errorf(at, "%q has a number for the user, so the group must be given too: %s:GROUP", s, user)
		}
	}
	if hasGroup {
		if gid, _, err = d.account(group, "group"); err != nil {
			return 0, 0, &FieldError{at, err}
		}
	}
	return uid, gid, nil
}

// account looks a name up in /etc/DB and /usr/lib/DB, where nss-altfiles of ostree systems has the base's own
// accounts. For passwd it returns the primary group too, or -1 for a number.
func (d *Draft) account(name, db string) (id, gid int, err error) {
	if name == "root" {
		return 0, 0, nil
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return int(n), -1, nil
	}
	for _, dir := range []string{"/etc/", "/usr/lib/"} {
		text, err := d.ReadBase(dir + db)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, 0, fmt.Errorf("%s is a name, whose number is in the base's %s (a number works without): %w", name, db, err)
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Split(strings.TrimSpace(line), ":")
			if len(f) < 4 || f[0] != name {
				continue
			}
			if id, err = strconv.Atoi(f[2]); err == nil {
				gid, _ = strconv.Atoi(f[3]) // of passwd; members in group
				return id, gid, nil
			}
		}
	}
	return 0, 0, fmt.Errorf("the base has no %s in %s: give a number, or let a tmpfiles.d line (z) set the owner at boot if the name comes with a package or a User", name, db)
}

// checkPath is Entry.check for a path, as the mistake of one field.
func checkPath(field, p string) error {
	if err := (Entry{Path: p}).check(); err != nil {
		return Errorf(field, "%s %w", quoted(p), err)
	}
	return nil
}

// checkMode refuses what is no permission, such as the octal 04755 of chmod.
func checkMode(field string, m fs.FileMode) error {
	if m&^(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0 {
		return Errorf(field, "%#o is not a mode: permissions up to 0777, with fs.ModeSetuid, fs.ModeSetgid and fs.ModeSticky", uint32(m))
	}
	return nil
}
