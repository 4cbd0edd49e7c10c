package lint

import (
	"errors"
	"slices"
	"strings"
)

// execKeys are the keys of a unit whose values are commands.
var execKeys = []string{"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"}

// readExec reads the value of ExecStart= and the like as a shell would read it, if the words were quoted for it: systemd splits the line, takes off
// prefixes, and starts the program with the words as they are. Variables stay unknown.
//
// Source: systemd.service(5), COMMAND LINES
func readExec(value string) ([]*Command, error) {
	var script strings.Builder
	first, argv0 := true, false
	literal := false // the next word is a script of its own
	for rest := value; ; {
		rest = strings.TrimLeft(rest, " \t")
		raw, after, _ := strings.Cut(rest, " ")
		if raw == ";" {
			script.WriteString("\n")
			first, rest = true, after
			continue
		}
		words, next, err := []string{";"}, after, error(nil)
		if raw != `\;` {
			if words, next, err = sdWords(rest, 1, true); err != nil {
				return nil, err
			}
		}
		if rest = next; len(words) == 0 {
			return ReadShell(script.String())
		}
		w := words[0]
		switch {
		case first:
			name := strings.TrimLeft(w, "-@:+!|")
			if name == "" {
				return nil, errors.New("the command is missing")
			}
			argv0 = strings.Contains(w[:len(w)-len(name)], "@")
			w, first, literal = name, false, true
		case argv0: // what the program is told that it is called
			argv0 = false
			continue
		default:
			script.WriteByte(' ')
		}
		script.WriteString(quoteWord(w, literal))
		literal = strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && strings.HasSuffix(w, "c")
	}
}

// plainChars need no quotes in a shell.
const plainChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@"

// quoteWord writes a word of systemd for a shell. $VARIABLES are what nobody knows; in a literal word they are left to the shell that reads it.
// %specifiers stay as they are.
func quoteWord(w string, literal bool) string {
	if w != "" && strings.Trim(w, plainChars) == "" {
		return w
	}
	plain := strings.ReplaceAll(w, "$$", "")
	w = strings.ReplaceAll(strings.ReplaceAll(w, "$$", "$"), "%%", "%")
	if !literal && strings.Contains(plain, "$") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`").Replace(w) + `"`
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// isShell says whether a program is one that runs scripts.
func isShell(name string) bool { return slices.Contains(shells, name) }
