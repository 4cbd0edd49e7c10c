package lint

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// words expands arguments as far as that can be told: braces, variables that are known, and the fields of those that stand
// without quotes.
func (r *shell) words(list []*syntax.Word) []Word {
	const most = 4096
	var out []Word
	for _, w := range list {
		for _, w := range braces(w, 64) {
			if len(out) > most {
				return out
			}
			if p, ok := lone(w); ok { // $PACKAGES is as many words as it has fields
				if v, known := r.param(p); known {
					for _, field := range strings.Fields(v) {
						out = append(out, Word{Text: field, Known: true, Glob: strings.ContainsAny(field, "*?[")})
					}
					continue
				}
			}
			out = append(out, r.word(w))
		}
	}
	return out
}

// lone is the variable that a word consists of.
func lone(w *syntax.Word) (*syntax.ParamExp, bool) {
	if len(w.Parts) != 1 {
		return nil, false
	}
	p, ok := w.Parts[0].(*syntax.ParamExp)
	return p, ok
}

// word expands one word without splitting it.
func (r *shell) word(w *syntax.Word) Word {
	out := Word{Known: true}
	var b strings.Builder
	for i, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			text := p.Value
			if i == 0 && (text == "~" || strings.HasPrefix(text, "~/")) {
				text = "/root" + text[1:]
			}
			plain, glob := unescape(text)
			b.WriteString(plain)
			out.Glob = out.Glob || glob
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
			out.Known = out.Known && !(p.Dollar && strings.Contains(p.Value, `\`))
		case *syntax.DblQuoted:
			inner := r.quoted(p.Parts)
			b.WriteString(inner.Text)
			out.Known = out.Known && inner.Known
		case *syntax.ParamExp:
			text, known := r.param(p)
			if !known {
				text = r.between(p.Pos(), p.End())
			}
			b.WriteString(text)
			out.Known = out.Known && known
		default: // $(…), $((…)), <(…), {1..3}, globs of bash
			b.WriteString(r.between(part.Pos(), part.End()))
			out.Known = false
		}
	}
	out.Text = b.String()
	return out
}

// quoted expands what stands in double quotes or in a here-document.
func (r *shell) quoted(parts []syntax.WordPart) Word {
	out := Word{Known: true}
	var b strings.Builder
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(unquote(p.Value))
		case *syntax.ParamExp:
			text, known := r.param(p)
			if !known {
				text = r.between(p.Pos(), p.End())
			}
			b.WriteString(text)
			out.Known = out.Known && known
		default:
			b.WriteString(r.between(part.Pos(), part.End()))
			out.Known = false
		}
	}
	out.Text = b.String()
	return out
}

// param is the value of $name, ${name} or ${name:-word}.
func (r *shell) param(p *syntax.ParamExp) (string, bool) {
	if p.Param == nil || p.Excl || p.Length || p.Width || p.Index != nil || p.Slice != nil || p.Repl != nil || p.Names != 0 {
		return "", false
	}
	v, ok := r.vars[p.Param.Value]
	if p.Exp == nil {
		return v.text, ok && v.known
	}
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull:
		if ok && v.known && (v.text != "" || p.Exp.Op == syntax.DefaultUnset) {
			return v.text, true
		}
		if ok && v.known && p.Exp.Word != nil {
			w := r.word(p.Exp.Word)
			return w.Text, w.Known
		}
	}
	return "", false
}

// unescape takes backslashes off a word without quotes, and tells whether it has wildcards.
func unescape(s string) (text string, glob bool) {
	if !strings.ContainsAny(s, `\*?[`) {
		return s, false
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] != '\n' {
				b.WriteByte(s[i])
			}
		default:
			glob = glob || strings.IndexByte("*?[", c) >= 0
			b.WriteByte(c)
		}
	}
	return b.String(), glob
}

// unquote takes off the backslashes that mean something in double quotes.
func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$\"\\`\n", s[i+1]) >= 0 {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
