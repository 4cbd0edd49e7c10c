package lint

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// sudoRule is one permission of sudoers(5): who may run what, after all aliases of the line are left as they are.
type sudoRule struct {
	users, hosts []string
	runAs        string // as it stands in brackets
	tags         []string
	command      string
	line         int
}

// parseSudoers reads a file of /etc/sudoers.d. It returns the rules that it could read, and each line that sudo would stop at.
func parseSudoers(text string) (rules []sudoRule, mistakes []mistake) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		at, line := i+1, lines[i]
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + " " + lines[i]
		}
		found, err := parseSudoersLine(strings.TrimSpace(line))
		if err != nil {
			mistakes = append(mistakes, mistake{at, err})
			continue
		}
		for _, r := range found {
			r.line = at
			rules = append(rules, r)
		}
	}
	return rules, mistakes
}

var (
	sudoInclude = lazyregexp.New(`^[@#]include(?:dir)?\s+\S`)
	sudoAlias   = lazyregexp.New(`^(?:User|Runas|Host|Cmnd|Cmd)_Alias\s`)
	sudoDefault = lazyregexp.New(`^Defaults(?:$|[\s@:!>])`)
	sudoName    = lazyregexp.New(`^[A-Z][A-Z0-9_]*$`)
	sudoUID     = lazyregexp.New(`^#\d`)
)

func parseSudoersLine(line string) ([]sudoRule, error) {
	switch {
	case line == "" || sudoInclude.MatchString(line), line[0] == '#' && !sudoUID.MatchString(line):
		return nil, nil
	}
	line = strings.TrimSpace(uncomment(line))
	switch {
	case sudoDefault.MatchString(line):
		return nil, nil
	case sudoAlias.MatchString(line):
		return nil, sudoAliases(strings.TrimSpace(line[strings.Index(line, "_Alias")+len("_Alias"):]))
	}
	return sudoPermissions(line)
}

// uncomment takes off what stands after a # that begins no number of a user.
func uncomment(line string) string {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted && !sudoUID.MatchString(line[i:]):
			return line[:i]
		}
	}
	return line
}

// splitSudo splits at a separator that is neither quoted nor escaped nor in brackets.
func splitSudo(s string, sep byte) []string {
	var out []string
	quoted, depth, from := false, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == sep && depth <= 0:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

func sudoAliases(text string) error {
	for _, def := range splitSudo(text, ':') {
		name, list, ok := strings.Cut(def, "=")
		switch name = strings.TrimSpace(name); {
		case !ok || strings.TrimSpace(list) == "":
			return fmt.Errorf("the alias %s has no value", clip(name))
		case !sudoName.MatchString(name):
			return fmt.Errorf("%q is no name of an alias: want capital letters, digits and _", clip(name))
		}
		if _, err := sudoList(list); err != nil {
			return err
		}
	}
	return nil
}

// sudoList reads a list with commas.
func sudoList(s string) ([]string, error) {
	var out []string
	for _, part := range splitSudo(s, ',') {
		if part = strings.TrimSpace(part); part == "" {
			return nil, errors.New("something is missing beside a comma")
		}
		out = append(out, part)
	}
	return out, nil
}

// sudoPermissions reads "USERS HOSTS = COMMANDS : HOSTS = COMMANDS".
func sudoPermissions(line string) ([]sudoRule, error) {
	users, rest := sudoWho(line)
	if rest == "" {
		return nil, errors.New("want USERS HOSTS = (RUNAS) COMMANDS, such as %wheel ALL=(ALL) ALL")
	}
	who, err := sudoList(users)
	if err != nil {
		return nil, err
	}
	var out []sudoRule
	for _, part := range sudoParts(rest) {
		eq := splitSudo(part, '=')
		if len(eq) < 2 {
			return nil, errors.New("there is no = between hosts and commands")
		}
		hosts, err := sudoList(eq[0])
		if err != nil {
			return nil, err
		}
		for _, h := range hosts {
			if strings.ContainsAny(strings.TrimSpace(strings.TrimLeft(h, "! ")), " \t") {
				return nil, fmt.Errorf("%q is no host: a comma is missing, or there are too many words before the =", clip(h))
			}
		}
		commands, err := sudoCommands(part[len(eq[0])+1:])
		if err != nil {
			return nil, err
		}
		for _, c := range commands {
			c.users, c.hosts = who, hosts
			out = append(out, c)
		}
	}
	return out, nil
}

// sudoWho splits the list of users from what comes after it: white space ends it where no comma stands beside.
func sudoWho(line string) (users, rest string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t'):
			before, after := strings.TrimSpace(line[:i]), strings.TrimSpace(line[i:])
			if strings.HasSuffix(before, ",") || strings.HasSuffix(before, "!") || strings.HasPrefix(after, ",") {
				continue
			}
			return before, after
		}
	}
	return line, ""
}
