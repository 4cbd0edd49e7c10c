package lint

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

var sudoTags = func() map[string]bool {
	out := map[string]bool{}
	for _, tag := range strings.Fields(`EXEC NOEXEC FOLLOW NOFOLLOW INTERCEPT NOINTERCEPT LOG_INPUT NOLOG_INPUT LOG_OUTPUT NOLOG_OUTPUT
		MAIL NOMAIL PASSWD NOPASSWD SETENV NOSETENV`) {
		out[tag] = true
	}
	return out
}()

// sudoTag is the tag that a text ends in.
func sudoTag(s string) string {
	s = strings.TrimRight(s, " \t")
	i := strings.LastIndexAny(s, " \t,:=)") + 1
	if word := s[i:]; sudoTags[word] {
		return word
	}
	return ""
}

// sudoParts splits at colons that begin another list of hosts, and not at those of tags (NOPASSWD: ALL).
func sudoParts(s string) []string {
	var out []string
	for _, part := range splitSudo(s, ':') {
		if len(out) > 0 && sudoTag(out[len(out)-1]) != "" {
			out[len(out)-1] += ":" + part
			continue
		}
		out = append(out, part)
	}
	return out
}

// sudoCommands reads "(RUNAS) TAG: COMMAND, COMMAND". Who it runs as, and tags, hold for the commands after them as well.
func sudoCommands(s string) ([]sudoRule, error) {
	var out []sudoRule
	var r sudoRule
	for _, part := range splitSudo(s, ',') {
		part = strings.TrimSpace(part)
		if strings.HasPrefix(part, "(") {
			inner, rest, ok := strings.Cut(part[1:], ")")
			if !ok {
				return nil, errors.New("a bracket is not closed")
			}
			r.runAs, part = strings.TrimSpace(inner), strings.TrimSpace(rest)
		}
		for sudoOption.MatchString(part) {
			part = strings.TrimSpace(part[len(sudoOption.FindString(part)):])
		}
		for {
			word, rest, ok := strings.Cut(part, ":")
			if word = strings.TrimSpace(word); !ok || !sudoTags[word] {
				break
			}
			r.tags = append(r.tags[:len(r.tags):len(r.tags)], word)
			part = strings.TrimSpace(rest)
		}
		switch command := strings.TrimSpace(strings.TrimLeft(part, "! ")); {
		case command == "":
			return nil, errors.New("a command is missing")
		case command != "ALL" && command[0] != '/' && command[0] != '"' && command[0] != '^' && !sudoName.MatchString(command) && command != "sudoedit" && command != "list" &&
			!strings.HasPrefix(command, "sudoedit ") && !strings.HasPrefix(command, "list ") && !strings.HasPrefix(command, "sha"):
			return nil, fmt.Errorf("%q is no command: want an absolute path, an alias or ALL", clip(command))
		}
		r.command = part
		out = append(out, r)
	}
	return out, nil
}

var sudoOption = lazyregexp.New(`^(?:ROLE|TYPE|APPARMOR_PROFILE|PRIVS|LIMITPRIVS|NOTBEFORE|NOTAFTER|TIMEOUT|CWD|CHROOT)=\S+\s+`)
