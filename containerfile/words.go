package containerfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The methods here spell one value each, and record a mistake at field if that cannot be.

// sound refuses what no place of a Containerfile takes.
func (p *printer) sound(field, s string) bool {
	switch {
	case strings.ContainsRune(s, 0):
		p.mistake(field, errNUL)
	case !utf8.ValidString(s):
		p.mistake(field, errUTF8)
	default:
		return true
	}
	return false
}

// word spells a plain word that may not hold line breaks.
func (p *printer) word(field, word string, inQuotes bool) string {
	if !p.sound(field, word) {
		return ""
	}
	if strings.ContainsAny(word, "\n") {
		p.mistake(field, errNewline)
		return ""
	}
	text, err := source(word, inQuotes, p.escape == '`')
	if err != nil {
		p.mistake(field, err)
	}
	return text
}

// quoted spells a plain word, in quotes unless it is simple.
func (p *printer) quoted(field, word string) string {
	return p.word(field, word, word == "" || !simple(word))
}

// simple tells whether a plain word needs no quotes anywhere.
func simple(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("$_./:@%+,=~-", r)
	})
}

// spaced spells a word for an instruction that is split at white space and has no quotes against that.
func (p *printer) spaced(before, field, word string) string {
	switch {
	case word == "":
		p.mistake(field, errEmpty)
	case strings.ContainsFunc(word, unicode.IsSpace):
		p.mistake(field, errors.New("holds white space, at which the builder splits"))
	default:
		return before + p.word(field, word, false)
	}
	return ""
}

// flag spells a flag that expands, with a space before it; nothing for an empty value.
func (p *printer) flag(name, field, value string) string {
	if value == "" {
		return ""
	}
	return p.plainFlag(name, field, p.word(field, value, false))
}

// plainFlag is flag for a value in source spelling.
func (p *printer) plainFlag(name, field, value string) string {
	text, err := spellFlag(name, value)
	if err != nil {
		p.mistake(field, err)
	}
	return " " + text
}

// rest sets the arguments apart from the flags: what begins with "--" would be taken for one.
func rest(args string) string {
	if strings.HasPrefix(args, "--") {
		return " -- " + args
	}
	return " " + args
}

// paths spells the arguments of COPY, ADD and VOLUME: apart by spaces if they are simple, else as a JSON array. The
// builder takes quotes off and expands variables in both.
func (p *printer) paths(fields, words []string, docs []Heredoc) string {
	plain := len(docs) > 0 || !strings.HasPrefix(words[0], "[")
	list := make([]string, len(words))
	for i, word := range words {
		if word == "" {
			p.mistake(fields[i], errEmpty)
		}
		if p.sound(fields[i], word) {
			var err error
			if list[i], err = source(word, false, false); err != nil {
				p.mistake(fields[i], err)
			}
		}
		bare := !strings.ContainsFunc(word, func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("'\"\\<`", r)
		})
		if len(docs) > 0 && strings.ContainsFunc(word, unicode.IsSpace) {
			p.mistake(fields[i], errors.New("holds white space, which cannot stand beside here-documents"))
		}
		plain = plain && (bare || len(docs) > 0)
	}
	if !plain {
		return rest(array(list))
	}
	for i := len(docs) - 1; i >= 0; i-- {
		list = append([]string{docs[i].marker()}, list...)
	}
	return rest(strings.Join(list, " "))
}

// array spells a JSON array of strings.
func array(list []string) string {
	var b strings.Builder
	b.WriteByte('[')
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		_ = enc.Encode(s) // a string always encodes; the newline after it is white space in JSON
	}
	b.WriteByte(']')
	return strings.ReplaceAll(b.String(), "\n", "")
}

// command spells what a shell or exec form runs.
func (p *printer) command(c Command) string {
	switch {
	case c.Exec != nil && c.Shell != "":
		p.mistake("", errors.New("has both Shell and Exec"))
	case c.Exec != nil:
		for i, arg := range c.Exec {
			p.sound("exec["+strconv.Itoa(i)+"]", arg)
		}
		return array(c.Exec)
	case c.Shell == "":
		p.mistake("shell", errEmpty)
	case p.sound("shell", c.Shell):
		if err := checkShell(c.Shell, p.escape); err != nil {
			p.mistake("shell", err)
		}
	}
	return c.Shell
}

// checkShell refuses commands that the builder reads as something else.
func checkShell(text string, escape byte) error {
	if strings.TrimSpace(text) != text {
		return errors.New("begins or ends with white space, which the builder drops")
	}
	if _, open := continued([]byte(text), escape); open {
		return errOpen
	}
	if strings.HasPrefix(text, "[") {
		if err := json.NewDecoder(strings.NewReader(text)).Decode(new([]any)); err == nil {
			return errors.New("begins with a JSON array, and the builder reads it as the exec form; put something before it")
		}
	}
	if strings.HasPrefix(text, "\\\n") {
		return errors.New("begins with a line break, which the builder drops")
	}
	for i, line := range strings.Split(text, "\n") {
		if i > 0 && strings.HasPrefix(strings.TrimSpace(line), "#") {
			return fmt.Errorf("line %d begins with '#', and the builder drops it as a comment", i+1)
		}
		if i > 0 && strings.TrimSpace(line) == "" {
			return fmt.Errorf("line %d is blank, and the builder drops it", i+1)
		}
	}
	if strings.Contains(strings.ReplaceAll(text, "\\\n", ""), "\n") {
		return errors.New("a line break needs a backslash before it; use Script for a command of several lines")
	}
	return nil
}
