package bootc

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// SSHD sets how the machine's SSH server behaves, by a drop-in in /etc/ssh/sshd_config.d: sshd reads no directory below
// /usr. Of several files the first that has a keyword counts. Fedora's own is 50-redhat.conf, and the keys of User are
// in 30-bootloom-keys.conf.
//
// A keyword that sshd does not know, or a value that it does not take, keeps it from starting, and the machine out of
// reach: here it is an error. A setting that gives the machine away is one too, unless Insecure names it.
type SSHD struct {
	// Name of the file, without ".conf"; the zero value is "40-bootloom".
	Name string `json:",omitzero"`
	// Content are lines of sshd_config(5).
	Content string
	// Insecure are keywords whose dangerous value is meant: {"PermitRootLogin"}.
	Insecure []string `json:",omitzero"`
}

// sshdLine is a setting of sshd_config.
type sshdLine struct {
	keyword string // as it is written
	args    string
	match   bool // in a Match block
}

var sshdSyntax = lazyregexp.New(`^([A-Za-z0-9]+)(?:[ \t]*=[ \t]*|[ \t]+)(.*)$`)

// parseSSHD reads sshd_config and checks it but for what Insecure decides.
func parseSSHD(text string) ([]sshdLine, error) {
	var out []sshdLine
	var errs []error
	match := false
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("line %d: "+format, append([]any{n}, args...)...))
		}
		m := sshdSyntax.FindStringSubmatch(line)
		if m == nil {
			fail("%q is not a keyword with its value", line)
			continue
		}
		l := sshdLine{m[1], unquotedWord(m[2]), match}
		k, known := sshdKeywords[strings.ToLower(l.keyword)]
		switch {
		case !known:
			fail("sshd knows no %s, and would not start", l.keyword)
		case l.args == "":
			fail("%s has no value", l.keyword)
		case match && k.global:
			fail("%s may not stand in a Match block", l.keyword)
		case k.values != "" && !containsWord(k.values, strings.ToLower(l.args)):
			fail("%s is %q, and takes %s", l.keyword, l.args, strings.ReplaceAll(k.values, " ", ", "))
		case strings.EqualFold(l.keyword, "Subsystem") && strings.HasPrefix(l.args, "sftp"):
			fail("the distribution's sshd_config has a Subsystem sftp, and sshd does not start with two")
		}
		match = match || strings.EqualFold(l.keyword, "Match")
		out = append(out, l)
	}
	return out, join(errs)
}

// unquotedWord takes the double quotes off a value that is one word.
func unquotedWord(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' && !strings.Contains(s[1:len(s)-1], `"`) {
		return s[1 : len(s)-1]
	}
	return s
}

func checkSSHD(text string) error {
	_, err := parseSSHD(text)
	return err
}

// dangerous says why a setting gives the machine away; empty if it does not.
func (l sshdLine) dangerous() string {
	k := sshdKeywords[strings.ToLower(l.keyword)]
	if k.danger == "" || strings.HasPrefix(l.args, "-") { // takes algorithms out of the list
		return ""
	}
	if ok, _ := regexp.MatchString("(?i)"+k.danger, l.args); !ok {
		return ""
	}
	return k.why
}

// Contribute adds the drop-in.
func (s SSHD) Contribute(d *Draft) error {
	lines, err := parseSSHD(s.Content)
	var errs []error
	used := map[string]bool{}
	for _, l := range lines {
		i := slices.IndexFunc(s.Insecure, func(name string) bool { return strings.EqualFold(name, l.keyword) })
		switch why := l.dangerous(); {
		case why != "" && i < 0:
			errs = append(errs, Errorf("Content", "%s %s %s: leave it out, or name %[1]s in Insecure", l.keyword, l.args, why))
		case why != "":
			used[s.Insecure[i]] = true
		case strings.EqualFold(l.keyword, "PasswordAuthentication") && strings.EqualFold(l.args, "yes"):
			d.Warnf("Content", "PasswordAuthentication yes lets anyone try passwords, which keys make unnecessary: see User.SSHKeys")
		case strings.EqualFold(l.keyword, "UsePAM") && strings.EqualFold(l.args, "no"):
			d.Warnf("Content", "UsePAM no is not supported by Fedora and its kin, whose sessions need it")
		}
	}
	for i, name := range s.Insecure {
		if !used[name] {
			errs = append(errs, Errorf(indexed("Insecure", i), "%s has no dangerous value in Content", name))
		}
	}
	if len(lines) == 0 && err == nil {
		errs = append(errs, Errorf("Content", "sets nothing"))
	}
	name := cmp.Or(s.Name, "40-bootloom")
	if strings.HasSuffix(name, ".conf") {
		errs = append(errs, Errorf("Name", "%q: leave .conf out", name))
	}
	errs = append(errs, d.Use("", DropIn{Path: "/etc/ssh/sshd_config.d/" + name + ".conf", Content: s.Content})) // which tells the mistakes of the lines
	d.sshd = append(d.sshd, intend(d, lines))
	return join(errs)
}

// settleSSHD finds settings that User's keys and another file leave without effect.
func (d *Draft) settleSSHD() []error {
	for _, s := range d.sshd {
		d.origin = s.features[0]
		for _, l := range s.value {
			if strings.EqualFold(l.keyword, "AuthorizedKeysFile") && !l.match && slices.ContainsFunc(d.users, func(u drafted[User]) bool { return len(u.value.SSHKeys) > 0 }) {
				d.Warnf("Content", "AuthorizedKeysFile is also set in 30-bootloom-keys.conf, for the keys of User, and only the first file counts")
			}
		}
	}
	d.origin = ""
	return nil
}
