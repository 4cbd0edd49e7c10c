package lint

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// shell reads the commands of a RUN. What is no shell script has none.
func (s *Step) shell(r containerfile.Run) []*Command {
	sh := shell{vars: maps.Clone(s.scope.vars), dir: s.scope.dir, step: s}
	if sh.vars == nil {
		sh.vars = map[string]value{}
	}
	for _, m := range r.Mounts {
		if target, ok := s.Expand(m.Target); ok && target != "" {
			if !path.IsAbs(target) {
				target = path.Join(s.scope.dir, target)
			}
			sh.mounts = append(sh.mounts, path.Clean(target))
		} else if m.Type == "secret" && m.ID != "" {
			sh.mounts = append(sh.mounts, "/run/secrets/"+m.ID)
		}
	}
	if r.Exec != nil {
		return s.exec(sh, r.Exec)
	}
	if len(s.scope.shell) > 0 && !slices.Contains(shells, path.Base(s.scope.shell[0])) {
		return nil
	}
	text, line := s.script()
	if len(r.Heredocs) > 0 && onlyHeredoc(r) {
		text, line = s.heredoc(r)
		if i, ok := interpreter(text); ok && !slices.Contains(shells, i) {
			return nil
		}
	}
	sh.line = line - 1
	if err := sh.read(text); err != nil {
		s.build.unread = append(s.build.unread, s.shellError(err))
	}
	return sh.out
}

// heredoc is the script of a RUN <<EOF, and the line where it begins.
func (s *Step) heredoc(r containerfile.Run) (text string, line int) {
	line = s.Lines.EndLine
	for _, d := range r.Heredocs {
		line -= strings.Count(d.Body, "\n") + 1
	}
	d := r.Heredocs[0]
	if !d.StripTabs {
		return d.Body, line + 1
	}
	lines := strings.SplitAfter(d.Body, "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], "\t")
	}
	return strings.Join(lines, ""), line + 1
}

var shells = []string{"sh", "bash", "dash", "ash", "ksh", "zsh"}

func (s *Step) shellError(err error) Finding {
	f := s.Finding("the shell script cannot be read: %v", err).Unsure(Likely)
	f.Rule = idSyntax
	return f
}

// exec is the exec form: one command without a shell, or a shell with its script.
func (s *Step) exec(sh shell, argv []string) []*Command {
	c := &Command{Dir: sh.dir, Step: s, Mounts: sh.mounts, Line: s.Lines.Line, Column: 1, Text: strings.Join(argv, " ")}
	var words []Word
	for _, a := range argv {
		words = append(words, Word{Text: a, Known: true})
	}
	words = unwrap(words)
	if len(words) == 0 {
		return nil
	}
	c.Name, c.Args = path.Base(words[0].Text), words[1:]
	if sh.special(c) {
		return sh.out
	}
	c.Writes = writes(c)
	return append(sh.out, c)
}

// onlyHeredoc says that the here-document is the script itself, as in RUN <<EOF.
func onlyHeredoc(r containerfile.Run) bool {
	rest := strings.TrimSpace(r.Line())
	for range r.Heredocs {
		if !strings.HasPrefix(rest, "<<") {
			return false
		}
		_, after, _ := strings.Cut(rest, " ")
		rest = strings.TrimSpace(after)
	}
	return rest == ""
}

// interpreter is the program that a script's first line names.
func interpreter(script string) (name string, ok bool) {
	first, _, _ := strings.Cut(script, "\n")
	first, ok = strings.CutPrefix(first, "#!")
	if !ok {
		return "", false
	}
	words := strings.Fields(first)
	if len(words) > 1 && path.Base(words[0]) == "env" {
		words = slices.DeleteFunc(words[1:], func(w string) bool { return strings.HasPrefix(w, "-") })
	}
	if len(words) == 0 {
		return "", false
	}
	return path.Base(words[0]), true
}

// script is what the shell of a RUN gets, with every character at its line and column of the file: the keyword and the
// flags are blank, and so are comments between the lines of the instruction, which the builder takes out.
func (s *Step) script() (text string, line int) {
	lines := strings.SplitAfter(s.Text, "\n")
	escape := byte('\\')
	for _, d := range s.build.File.Directives {
		if d.Name == "escape" && d.Value != "" {
			escape = d.Value[0]
		}
	}
	open := true // the instruction goes on
	for i, l := range lines {
		body := strings.TrimRight(l, "\r\n")
		trimmed := strings.TrimSpace(body)
		switch {
		case !open: // bodies of here-documents
			continue
		case i > 0 && (trimmed == "" || strings.HasPrefix(trimmed, "#")):
			lines[i] = "\\\n"
			continue
		}
		end := strings.TrimRight(body, " \t")
		if open = end != "" && end[len(end)-1] == escape; open {
			lines[i] = end[:len(end)-1] + "\\\n"
		}
	}
	b := []byte(strings.Join(lines, ""))
	i := skipSpace(b, 0)
	for i < len(b) && b[i] != ' ' && b[i] != '\t' && b[i] != '\\' { // RUN
		b[i] = ' '
		i++
	}
	for {
		i = skipSpace(b, i)
		if i+2 >= len(b) || b[i] != '-' || b[i+1] != '-' {
			break
		}
		for quote := byte(0); i < len(b); i++ {
			if quote == 0 && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n') {
				break
			}
			switch {
			case b[i] == quote:
				quote = 0
			case quote == 0 && (b[i] == '"' || b[i] == '\''):
				quote = b[i]
			}
			b[i] = ' '
		}
	}
	return string(b), s.Lines.Line
}

// skipSpace skips white space and broken lines.
func skipSpace(b []byte, i int) int {
	for i < len(b) {
		switch {
		case b[i] == ' ' || b[i] == '\t':
			i++
		case b[i] == '\\' && i+1 < len(b) && b[i+1] == '\n':
			i += 2
		default:
			return i
		}
	}
	return i
}
