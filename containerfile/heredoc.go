package containerfile

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	buildkit "github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Script returns a RUN whose body is a script of several lines, as a here-document. Nothing in body expands before the
// script runs. A final newline is added if there is none.
//
// buildah hands the body to the stage's SHELL as one argument (/bin/sh -c body), so the script goes on after a line that
// fails, and only the status of its last command counts: begin body with "set -e" to stop at the first failure; Script
// does not add it. Linux passes no argument of 128 KiB or more; a longer script needs a first line such as
// #!/bin/sh -e, for then buildah mounts the body as a file and runs that with the interpreter.
func Script(body string) Run {
	if body != "" && !strings.HasSuffix(body, "\n") {
		body += "\n"
	}
	h := Heredoc{Name: Delimiter(body), Body: body, Literal: true}
	return Run{Command: Command{Shell: h.marker()}, Heredocs: []Heredoc{h}}
}

// Delimiter returns a name for a here-document that ends none of body's lines: EOF, or EOF1, EOF2, ….
func Delimiter(body string) string {
	taken := map[string]bool{}
	for line := range strings.Lines(body) {
		if line = strings.Trim(line, "\t\r\n"); strings.HasPrefix(line, "EOF") {
			taken[line] = true
		}
	}
	name := "EOF"
	for i := 1; taken[name]; i++ {
		name = "EOF" + strconv.Itoa(i)
	}
	return name
}

// marker is what opens h in an instruction.
func (h Heredoc) marker() string {
	m := "<<"
	if h.StripTabs {
		m += "-"
	}
	if h.Literal {
		return m + "'" + h.Name + "'"
	}
	return m + h.Name
}

// endedBy tells whether the builder takes line for the end of h.
func (h Heredoc) endedBy(line string) bool {
	line = strings.TrimRight(line, "\r\n")
	if h.StripTabs {
		line = strings.TrimLeft(line, "\t")
	}
	return line == h.Name
}

// check returns what keeps h from being written.
func (h Heredoc) check() error {
	if h.Name == "" {
		return fmt.Errorf("no name; Delimiter finds one")
	}
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError || strings.ContainsRune("<>|&;()'\"`\\$", r)
	}
	if strings.HasPrefix(h.Name, "-") || strings.ContainsFunc(h.Name, bad) {
		return fmt.Errorf("name %q must be a word without quotes, '$', backslashes and shell operators, and not begin with '-'", h.Name)
	}
	if h.Body != "" && !strings.HasSuffix(h.Body, "\n") {
		return fmt.Errorf("the body must end with a newline, which the builder writes in any case")
	}
	for line := range strings.Lines(h.Body) {
		switch {
		case h.endedBy(line):
			return fmt.Errorf("a line of the body is the delimiter %q; Delimiter finds another", h.Name)
		case strings.HasSuffix(line, "\r\n"):
			return fmt.Errorf("a line of the body ends in CR LF, and the builder drops the CR; copy a file instead")
		case len(line) > maxLine:
			return errLine
		}
	}
	return nil
}

// expands tries the substitution in the body of a COPY or ADD, where the builder fails on an unbalanced quote too.
func (h Heredoc) expands() error {
	lex := shell.NewLex('\\')
	lex.RawQuotes, lex.RawEscapes = true, true
	if _, _, err := lex.ProcessWord(h.Body, noEnv{}); err != nil {
		return fmt.Errorf("the builder cannot expand the body, set Literal: %w", err)
	}
	return nil
}

// markers finds the here-documents that an instruction opens. It is the unexported heredocsFromLine of imagebuilder's
// parser, which reads the line with BuildKit's lexer and a backslash for escape whatever the file says; where that
// fails, on an unbalanced quote for instance, there are none.
func markers(line string) ([]buildkit.Heredoc, error) {
	lex := shell.NewLex('\\')
	lex.RawQuotes, lex.RawEscapes, lex.SkipUnsetEnv = true, true, true
	words, _ := lex.ProcessWords(line, noEnv{})
	var docs []buildkit.Heredoc
	for _, word := range words {
		doc, err := buildkit.ParseHeredoc(word)
		if err != nil {
			return nil, err
		}
		if doc != nil {
			docs = append(docs, *doc)
		}
	}
	return docs, nil
}

type noEnv struct{}

func (noEnv) Get(string) (string, bool) { return "", false }
func (noEnv) Keys() []string            { return nil }
