package lint

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// sysusersDirs have the configuration of systemd-sysusers, the first wins over the others where names are the same.
var sysusersDirs = []string{"/etc/sysusers.d", "/usr/local/lib/sysusers.d", "/usr/lib/sysusers.d"}

// sysusersLine is a line of sysusers.d(5).
type sysusersLine struct {
	file *File
	line int
	kind byte // u, g, m or r
	// locked says that the account has no way to log in (u!).
	locked bool
	// name of the user or group; of an m line the user. It is "" where a specifier stands for something that only the device knows.
	name string
	// group of an m line, that a user is added to.
	group string
	// uid and gid, or -1: of u lines both, of g lines gid. What a path or a name stands for is not known.
	uid, gid int64
	// gecos, home and shell of u lines. Specifiers for what only the device knows stay in them.
	gecos, home, shell string
}

// userName is what systemd takes as the name of a user or group that it makes (valid_user_group_name in
// https://github.com/systemd/systemd/blob/main/src/basic/user-util.c).
var userName = lazyregexp.New(`^[a-zA-Z_][a-zA-Z0-9_-]{0,30}$`)

// parseSysusers reads a file of sysusers.d. Lines with mistakes are left out, as systemd-sysusers does.
func parseSysusers(text string) (lines []sysusersLine, mistakes []mistake) {
	for n, line := range configLines(text, "#") {
		l, err := parseSysusersLine(line)
		if err != nil {
			mistakes = append(mistakes, mistake{n, err})
			continue
		}
		l.line = n
		lines = append(lines, l)
	}
	return lines, mistakes
}

func parseSysusersLine(line string) (l sysusersLine, err error) {
	words, rest, err := sdWords(line, 6, false)
	switch {
	case err != nil:
		return l, err
	case len(words) < 2:
		return l, fmt.Errorf("%s: want a type and a name", clip(line))
	case rest != "":
		return l, fmt.Errorf("%s is more than the six fields of a line", clip(rest))
	}
	for len(words) < 6 {
		words = append(words, "-")
	}
	for i := range words {
		if words[i] == "-" {
			words[i] = ""
		}
	}
	kind, name, id := words[0], words[1], words[2]
	l = sysusersLine{uid: -1, gid: -1, gecos: plain(words[3]), home: plain(words[4]), shell: plain(words[5])}
	switch kind {
	case "u", "g", "m", "r":
	case "u!":
		l.locked = true
	default:
		return l, fmt.Errorf("%q is no type: want u, u!, g, m or r", clip(kind))
	}
	l.kind = kind[0]
	if l.kind != 'r' {
		if l.name, err = sysusersName(name); err != nil {
			return l, err
		}
	}
	if l.kind != 'u' && (l.gecos != "" || l.home != "" || l.shell != "") {
		return l, fmt.Errorf("a line of type %s has no comment, home or shell", kind)
	}
	if l.home != "" && !path.IsAbs(l.home) {
		return l, fmt.Errorf("the home directory %s is not absolute", clip(l.home))
	}
	switch l.kind {
	case 'u':
		user, group, both := strings.Cut(id, ":")
		if l.uid, err = sysusersID(user); err == nil && both {
			if l.gid, err = sysusersID(group); err != nil && userName.MatchString(group) {
				err = nil // the name of a group
			}
		}
	case 'g':
		l.gid, err = sysusersID(id)
	case 'm':
		if l.group, err = sysusersName(id); err == nil && id == "" {
			err = errors.New("a line of type m names a user and a group")
		}
	case 'r':
		if name != "" {
			err = errors.New("a line of type r has - as its name")
		} else if from, to, both := strings.Cut(id, "-"); !isID(from) || both && !isID(to) {
			err = fmt.Errorf("%q is no range of numbers, such as 500-900", clip(id))
		}
	}
	return l, err
}

// plain takes the meaning from %%.
func plain(s string) string { return strings.ReplaceAll(s, "%%", "%") }

// sysusersName is a name, or "" where it has specifiers.
func sysusersName(s string) (string, error) {
	switch {
	case strings.Contains(s, "%"):
		return "", nil
	case !userName.MatchString(s):
		return "", fmt.Errorf("%q is no name of a user or group", clip(s))
	}
	return s, nil
}

// sysusersID is a number, or -1 for one that is not known: none is given, or a file has it.
func sysusersID(s string) (int64, error) {
	if s == "" || s == "-" || path.IsAbs(s) {
		return -1, nil
	}
	if !isID(s) {
		return -1, fmt.Errorf("%q is no number of a user or group", clip(s))
	}
	return strconv.ParseInt(s, 10, 64)
}

// isID says whether s is a number that Linux takes for a user: 32 bits, without the two that mean "none".
func isID(s string) bool {
	n, err := strconv.ParseUint(s, 10, 32)
	return err == nil && n != 0xffff && n != 0xffffffff
}

// sysusers are the lines of all files that systemd-sysusers reads, in that order.
func (f *Facts) sysusers() []sysusersLine {
	var out []sysusersLine
	for _, file := range configFiles(f.Root, sysusersDirs, ".conf") {
		lines, _ := parseSysusers(file.Text())
		for i := range lines {
			lines[i].file = file
		}
		out = append(out, lines...)
	}
	return out
}

// sysusersWants are for rules that call sysusers.
func sysusersWants() []Want { return configWants(sysusersDirs, ".conf") }
