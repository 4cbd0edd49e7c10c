package lint

import (
	"path"
	"slices"
	"strings"
)

// Command is one simple command of a shell script: in a RUN, or in a script that a rule reads with ReadShell. Wrappers such
// as sudo, env, exec and sh -c are taken off.
type Command struct {
	// Name of the program without its directory: "dnf". It is "" if a variable that is not known gives it, and for
	// redirections without a command.
	Name string
	// Args after the name.
	Args []Word
	// Text of the command as it stands, on one line.
	Text string
	// Line and Column where it begins, counted from 1: in the Containerfile, or in the script that was read.
	Line, Column int
	// Dir is the working directory; "" if it is not known.
	Dir string
	// Maybe says that it runs only under some condition.
	Maybe bool
	// Reads is the command whose output it gets through a pipe; nil if there is none.
	Reads *Command
	// Input is the here-document or pipe that it reads, if its content is known.
	Input Word
	// Output is what it prints, where that is known: of echo, printf and cat of a here-document.
	Output Word
	// Writes are the changes to files that are known: redirections, and what cp, mv, install, tee, sed -i and others do.
	Writes []Write
	// Mounts are directories whose content does not get into the layer: cache, tmpfs, bind and secret mounts.
	Mounts []string
	// Step that runs it; nil in a script of a file.
	Step *Step

	program string // as it is written, with its directory
}

// Word is an argument after expansion.
type Word struct {
	// Text of it. Where it is not Known, what could not be expanded stands there as it is written.
	Text  string
	Known bool
	// Glob says that it has wildcards, which the shell matches against files.
	Glob bool
}

// Has says whether any of the arguments is given: a long flag (--now, also as --now=value), a letter of a group of short
// ones (-y, also in -xy), or any other word as it is.
func (c *Command) Has(args ...string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return slices.ContainsFunc(c.Args, func(w Word) bool { return isFlag(w.Text, arg) })
	})
}

func isFlag(word, flag string) bool {
	short := len(flag) == 2 && flag[0] == '-' && flag[1] != '-'
	switch {
	case word == flag:
		return true
	case short && len(word) > 1 && word[0] == '-' && word[1] != '-':
		return strings.IndexByte(word, flag[1]) > 0
	case strings.HasPrefix(flag, "--"):
		return strings.HasPrefix(word, flag+"=")
	}
	return false
}

// Value returns the value of a flag, as in "-o file", "-ofile", "-xo file" (short), "--out file" and "--out=file". The first one
// of names that is there counts.
func (c *Command) Value(names ...string) (Word, bool) {
	for _, name := range names {
		for i, w := range c.Args {
			if v, here, ok := valueIn(w, name); ok && here {
				return v, true
			} else if ok && i+1 < len(c.Args) {
				return c.Args[i+1], true
			}
		}
	}
	return Word{}, false
}

// valueIn says whether a word gives the flag, and whether it has the value in it or the next word has.
func valueIn(w Word, flag string) (value Word, here, ok bool) {
	value = w
	switch {
	case w.Text == flag:
		return value, false, true
	case strings.HasPrefix(flag, "--"):
		value.Text, here = strings.CutPrefix(w.Text, flag+"=")
		return value, here, here
	case len(flag) != 2 || len(w.Text) < 3 || w.Text[0] != '-' || w.Text[1] == '-':
		return value, false, false
	}
	i := strings.IndexByte(w.Text[1:], flag[1])
	if i < 0 {
		return value, false, false
	}
	value.Text = w.Text[i+2:]
	return value, value.Text != "", true
}

// Operands are the arguments that are no flags. withValue names the flags whose next word is their value.
func (c *Command) Operands(withValue ...string) []Word {
	var out []Word
	for i := 0; i < len(c.Args); i++ {
		w := c.Args[i]
		switch {
		case w.Text == "--":
			return append(out, c.Args[i+1:]...)
		case len(w.Text) > 1 && w.Text[0] == '-':
			if slices.ContainsFunc(withValue, func(flag string) bool { _, here, ok := valueIn(w, flag); return ok && !here }) {
				i++
			}
		default:
			out = append(out, w)
		}
	}
	return out
}

// Verb is the first operand, as "install" in "dnf -y install tmux".
func (c *Command) Verb(withValue ...string) string {
	if ops := c.Operands(withValue...); len(ops) > 0 && ops[0].Known {
		return ops[0].Text
	}
	return ""
}

// Is says whether the command is any of the programs.
func (c *Command) Is(names ...string) bool { return c.Name != "" && slices.Contains(names, c.Name) }

// abs is the path that a word means to the command; ok is false if that is not known.
func (c *Command) abs(w Word) (string, bool) {
	switch {
	case !w.Known || w.Text == "":
		return "", false
	case path.IsAbs(w.Text):
		return path.Clean(w.Text), true
	case c.Dir == "":
		return "", false
	}
	return path.Join(c.Dir, w.Text), true
}

// mounted says whether what is written at p does not get into the layer.
func (c *Command) mounted(p string) bool {
	return slices.ContainsFunc(c.Mounts, func(m string) bool { return under(p, m) })
}

// under says whether p is dir or below it.
func under(p, dir string) bool {
	rest, ok := strings.CutPrefix(p, strings.TrimSuffix(dir, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// Finding returns a finding about the command, at its line and column.
func (c *Command) Finding(format string, args ...any) Finding {
	out := Finding{Message: sprintf(format, args)}
	if c.Step != nil {
		out = c.Step.at(c.Line, c.Column, format, args)
	}
	out.key = c.Text
	if c.Maybe {
		out.Confidence = Likely
	}
	return out
}
