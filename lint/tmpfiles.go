package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// tmpfilesDirs have the configuration of systemd-tmpfiles, the first wins over the others where names are the same.
var tmpfilesDirs = []string{"/etc/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d"}

// tmpfilesLine is a line of tmpfiles.d(5).
type tmpfilesLine struct {
	file *File
	line int
	kind byte // d, f, L and so on, without the modifiers
	// path that the line is about, absolute and clean, or a pattern where the kind takes one. It is "" where a specifier
	// stands for something that only the device knows.
	path, mode, user, group, age, arg string
	// atBoot says that the line is only carried out at boot (!).
	atBoot bool
}

// creates says whether the line makes what is at its path, if nothing is there.
func (l tmpfilesLine) creates() bool { return strings.IndexByte("fFdDvqQpLcbC", l.kind) >= 0 }

const (
	tmpfilesKinds     = "fFwdDeEvqQpLcbCxXrRzZtThHaA"
	tmpfilesModifiers = "+!-=~^$?"
)

// parseTmpfiles reads a file of tmpfiles.d. Lines with mistakes are left out, as systemd-tmpfiles does.
func parseTmpfiles(text string) (lines []tmpfilesLine, mistakes []mistake) {
	for n, line := range configLines(text, "#") {
		l, err := parseTmpfilesLine(line)
		if err != nil {
			mistakes = append(mistakes, mistake{n, err})
			continue
		}
		l.line = n
		lines = append(lines, l)
	}
	return lines, mistakes
}

func parseTmpfilesLine(line string) (l tmpfilesLine, err error) {
	words, rest, err := sdWords(line, 6, true)
	switch {
	case err != nil:
		return l, err
	case len(words) < 2:
		return l, fmt.Errorf("%s: want a type and a path", clip(line))
	}
	words = append(words, "-", "-", "-", "-")
	for i := 2; i < 6; i++ {
		if words[i] == "-" {
			words[i] = ""
		}
	}
	if rest == "-" {
		rest = ""
	}
	kind := words[0]
	if kind == "" || strings.IndexByte(tmpfilesKinds, kind[0]) < 0 {
		return l, fmt.Errorf("%q is no type, such as d, f, L or C", clip(kind))
	}
	for i := 1; i < len(kind); i++ {
		if strings.IndexByte(tmpfilesModifiers, kind[i]) < 0 || strings.IndexByte(kind[:i], kind[i]) > 0 {
			return l, fmt.Errorf("%q is no type with modifiers, such as d, L! or f+", clip(kind))
		}
	}
	l = tmpfilesLine{kind: kind[0], atBoot: strings.Contains(kind, "!"), mode: words[2], user: words[3], group: words[4], age: words[5], arg: rest}
	p, known, err := tmpfilesPath(words[1])
	switch {
	case err != nil:
		return l, err
	case !known:
		return l, nil
	case !path.IsAbs(p):
		return l, fmt.Errorf("the path %s is not absolute", clip(p))
	case slices.Contains(strings.Split(p, "/"), ".."):
		return l, fmt.Errorf("the path %s has .. in it", clip(p))
	}
	l.path = path.Clean(p)
	if rest, ok := strings.CutPrefix(l.path, "/var/run/"); ok { // as systemd-tmpfiles does
		l.path = "/run/" + rest
	}
	return l, nil
}

// tmpfilesSpecifiers are those of tmpfiles.d(5) for the system; "" is one that only the device knows.
var tmpfilesSpecifiers = map[byte]string{
	'%': "%", 'S': "/var/lib", 'C': "/var/cache", 'L': "/var/log", 't': "/run", 'T': "/tmp", 'V': "/var/tmp", 'h': "/root", 'u': "root", 'g': "root", 'U': "0", 'G': "0",
	'a': "", 'A': "", 'b': "", 'B': "", 'H': "", 'l': "", 'm': "", 'M': "", 'o': "", 'v': "", 'w': "", 'W': "",
}

// tmpfilesPath expands specifiers; known is false if that depends on the device.
func tmpfilesPath(s string) (p string, known bool, err error) {
	var b strings.Builder
	known = true
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) { // a lone one at the end stays
			b.WriteByte(s[i])
			continue
		}
		i++
		text, ok := tmpfilesSpecifiers[s[i]]
		switch c := s[i] | 0x20; {
		case ok && text == "":
			known = false
		case ok:
			b.WriteString(text)
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return "", false, fmt.Errorf("%%%c is no specifier", s[i])
		default:
			b.WriteString(s[i-1 : i+1])
		}
	}
	return b.String(), known, nil
}

// tmpfiles are the lines of all files that systemd-tmpfiles reads, in that order.
func (f *Facts) tmpfiles() []tmpfilesLine {
	var out []tmpfilesLine
	for _, file := range configFiles(f.Root, tmpfilesDirs, ".conf") {
		lines, _ := parseTmpfiles(file.Text())
		for i := range lines {
			lines[i].file = file
		}
		out = append(out, lines...)
	}
	return out
}

// tmpfilesWants are for rules that call tmpfiles.
func tmpfilesWants() []Want { return configWants(tmpfilesDirs, ".conf") }
