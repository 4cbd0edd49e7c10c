package lint

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// unwrap takes off the programs that only run another one.
func unwrap(words []Word) []Word {
	for range maxDepth {
		if len(words) == 0 || !words[0].Known {
			return words
		}
		rest := words[1:]
		switch words[0].Text {
		case "sudo", "doas":
			rest = afterFlags(rest, "-u", "-g", "-h", "-p", "-C", "-D")
		case "env", "/usr/bin/env":
			rest = afterFlags(rest, "-u", "-C")
			for len(rest) > 0 && isAssignment(rest[0].Text) {
				rest = rest[1:]
			}
		case "exec":
			rest = afterFlags(rest, "-a")
		case "command", "builtin", "nohup", "setsid", "stdbuf", "ionice", "time", "/usr/bin/time":
			if words[0].Text == "command" && len(rest) > 0 && (rest[0].Text == "-v" || rest[0].Text == "-V") {
				return words
			}
			rest = afterFlags(rest, "-n", "-c", "-i", "-o", "-e")
		case "nice":
			rest = afterFlags(rest, "-n")
		case "timeout":
			rest = afterFlags(rest, "-s", "-k")
			if len(rest) > 0 {
				rest = rest[1:]
			}
		default:
			return words
		}
		if len(rest) == 0 {
			return words
		}
		words = rest
	}
	return words
}

// afterFlags is what begins with the first operand, the flags of the program that is run included.
func afterFlags(words []Word, withValue ...string) []Word {
	for i := 0; i < len(words); i++ {
		w := words[i].Text
		switch {
		case w == "--":
			return words[i+1:]
		case len(w) < 2 || w[0] != '-':
			return words[i:]
		case slices.Contains(withValue, w):
			i++
		}
	}
	return nil
}

func isAssignment(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	return ok && syntax.ValidName(name)
}

// join puts words together as echo and eval do.
func join(words []Word) (text string, known bool) {
	known = true
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Text
		known = known && w.Known && !w.Glob
	}
	return strings.Join(texts, " "), known
}
