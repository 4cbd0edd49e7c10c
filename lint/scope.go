package lint

import (
	"maps"
	"path"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// scope is what holds at one step: variables, working directory, shell, user. It is not changed once it is made.
type scope struct {
	vars  map[string]value
	args  map[string]string // given by the caller
	dir   string            // WORKDIR; "" if it is not known
	shell []string
	user  string
}

// value of a variable; unknown ones have been declared, but nobody knows to what.
type value struct {
	text  string
	known bool
}

// newScope is that of the preamble and of FROMs.
func newScope(preamble []containerfile.Step, args map[string]string) *scope {
	s := &scope{vars: map[string]value{}, args: args, dir: "/"}
	for _, step := range preamble {
		s = s.after(step)
	}
	return s
}

// stage is the scope that a stage on an image starts with; s is that of the preamble, whose ARGs a stage must declare.
func (s *scope) stage() *scope {
	return &scope{vars: map[string]value{}, args: s.argsOf(), dir: "/"}
}

// argsOf are the values that an ARG without default takes.
func (s *scope) argsOf() map[string]string {
	out := map[string]string{}
	for k, v := range s.vars {
		if v.known {
			out[k] = v.text
		}
	}
	maps.Copy(out, s.args)
	return out
}

// inherit is the scope of a stage that is FROM the stage that ended with s.
func (s *scope) inherit(head *scope) *scope {
	c := *s
	c.args = head.argsOf()
	return &c
}

// after is the scope of what comes after the step.
func (s *scope) after(step containerfile.Step) *scope {
	c := *s
	setVar := func(name string, v value) {
		if c.vars = maps.Clone(c.vars); c.vars == nil {
			c.vars = map[string]value{}
		}
		c.vars[name] = v
	}
	expanded := func(word string) value {
		text, ok := s.expand(word)
		return value{text, ok}
	}
	switch step := step.(type) {
	case containerfile.Arg:
		for _, a := range step {
			given, ok := s.args[a.Name]
			switch {
			case ok:
				setVar(a.Name, value{given, true})
			case a.HasDefault:
				setVar(a.Name, expanded(a.Default))
			default:
				setVar(a.Name, value{})
			}
		}
	case containerfile.Env:
		for _, p := range step {
			name, ok := s.expand(p.Key)
			if ok {
				setVar(name, expanded(p.Value))
			}
		}
	case containerfile.Workdir:
		dir, ok := s.expand(string(step))
		switch {
		case !ok:
			c.dir = ""
		case path.IsAbs(dir):
			c.dir = path.Clean(dir)
		case c.dir != "":
			c.dir = path.Join(c.dir, dir)
		}
	case containerfile.Shell:
		c.shell = step
	case containerfile.User:
		c.user, _ = s.expand(string(step))
	}
	return &c
}

// look returns a variable's value.
func (s *scope) look(name string) (string, bool) {
	v, ok := s.vars[name]
	return v.text, ok && v.known
}

// expand substitutes variables in a word of an instruction, as package containerfile gives it: $NAME, ${NAME},
// ${NAME:-word}, ${NAME:+word}. With anything else, and with a variable whose value is not known, ok is false and the
// text has the substitution as it stands.
func (s *scope) expand(word string) (text string, ok bool) {
	if !strings.ContainsAny(word, `$\`) {
		return word, true
	}
	var b strings.Builder
	ok = true
	for i := 0; i < len(word); {
		switch c := word[i]; {
		case c == '\\' && i+1 < len(word) && (word[i+1] == '$' || word[i+1] == '\\'):
			b.WriteByte(word[i+1])
			i += 2
		case c == '$':
			text, n, known := s.substitute(word[i:])
			b.WriteString(text)
			ok = ok && known
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), ok
}

// substitute is for a text that starts with a dollar sign; n is how much of it is taken.
func (s *scope) substitute(text string) (out string, n int, ok bool) {
	if len(text) < 2 {
		return text, len(text), true
	}
	if text[1] != '{' {
		n = 1
		for n < len(text) && isName(text[n], n == 1) {
			n++
		}
		if n == 1 {
			return "$", 1, true
		}
		out, ok = s.look(text[1:n])
		if !ok {
			out = text[:n]
		}
		return out, n, ok
	}
	n, depth := 2, 1
	for ; n < len(text) && depth > 0; n++ {
		switch text[n] {
		case '{':
			depth++
		case '}':
			depth--
		}
	}
	body := strings.TrimSuffix(text[2:n], "}")
	end := 0
	for end < len(body) && isName(body[end], end == 0) {
		end++
	}
	name, rest := body[:end], body[end:]
	v, known := s.look(name)
	_, declared := s.vars[name]
	switch {
	case rest == "" && known:
		return v, n, true
	case strings.HasPrefix(rest, ":-") && known && v != "":
		return v, n, true
	case strings.HasPrefix(rest, ":-") && (known || !declared): // unset, as far as can be told
		out, ok = s.expand(rest[2:])
		return out, n, ok && known
	case strings.HasPrefix(rest, ":+") && known && v == "":
		return "", n, true
	case strings.HasPrefix(rest, ":+") && known:
		out, ok = s.expand(rest[2:])
		return out, n, ok
	}
	return text[:n], n, false
}

func isName(c byte, first bool) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' && !first
}
