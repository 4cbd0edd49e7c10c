package containerfile

import (
	"strings"
	"unicode/utf8"
)

// Literal returns s as a word of a step in which nothing expands: each dollar sign and backslash gets a backslash
// before it. It is for the words that the builder expands (see Step), and joins with other text, where a variable before
// it needs braces:
//
//	containerfile.Workdir("${HOME}" + containerfile.Literal(dir))
func Literal(s string) string {
	return strings.NewReplacer(`\`, `\\`, `$`, `\$`).Replace(s)
}

// Value is what a word of a step comes to in which nothing expands, as Literal makes them: \$ and \\ are a dollar sign and
// a backslash, all else is itself. ok is false for a word with a substitution, of which only the builder knows.
func Value(word string) (value string, ok bool) {
	if strings.Contains(strings.NewReplacer(`\\`, "", `\$`, "").Replace(word), "$") {
		return "", false
	}
	return strings.NewReplacer(`\\`, `\`, `\$`, `$`).Replace(word), true
}

// A word has two spellings. The plain one is what steps hold: $… substitutes, \$ and \\ are a dollar sign and a
// backslash, all else is itself, quotes and spaces too. The source one is what a Containerfile holds, with quotes, and
// what imagebuilder's ProcessWord turns into the value. The source spelling keeps apart what the plain one keeps
// apart, so that each plain word survives the way there and back.

// source spells a plain word for a Containerfile. In double quotes it is one word wherever the builder splits at white
// space; without them only ProcessWord's own special characters are escaped. tick says that the file's escape character
// is the backtick: the splitting of words then takes ` for an escape and \ for none, while ProcessWord still does the
// opposite, so quotes and backticks go into single quotes, where both agree.
func source(plain string, inQuotes, tick bool) (string, error) {
	var b strings.Builder
	single := func(c string) {
		if inQuotes {
			b.WriteString(`"'` + c + `'"`)
		} else {
			b.WriteString(`'` + c + `'`)
		}
	}
	if inQuotes {
		b.WriteByte('"')
	}
	for i := 0; i < len(plain); {
		n, rest := 1, plain[i:]
		switch c := rest[0]; {
		case strings.HasPrefix(rest, `\$`), strings.HasPrefix(rest, `\\`):
			n = 2
			b.WriteString(rest[:2])
		case i == 0 && !inQuotes && strings.HasPrefix(rest, bom):
			n = len(bom)
			single(bom)
		case c == '\\':
			if inQuotes && len(rest) > 1 && rest[1] != '"' && (rest[1] != '`' || !tick) {
				b.WriteByte(c)
			} else {
				single(`\`)
			}
		case c == '$':
			var err error
			if n, err = substitution(rest); err != nil {
				return "", err
			}
			if inQuotes && strings.ContainsAny(rest[:n], `"'`) {
				b.WriteString(`"` + rest[:n] + `"`)
			} else {
				b.WriteString(rest[:n])
			}
		case c == '"' && inQuotes && tick, c == '`' && inQuotes && tick:
			single(rest[:1])
		case c == '"', c == '\'' && !inQuotes:
			b.WriteString(`\` + rest[:1])
		default:
			b.WriteByte(c)
		}
		i += n
	}
	if inQuotes {
		b.WriteByte('"')
	}
	return b.String(), nil
}

// bom is the byte order mark, which ProcessWord drops at the start of a word.
const bom = "\uFEFF"

// plain is the inverse of source, for any quoting that the builder takes.
func plain(source string) (string, error) {
	var w plainWriter
	source = strings.TrimPrefix(source, bom)
	for i := 0; i < len(source); {
		n := 1
		switch c := source[i]; c {
		case '\'':
			end := strings.IndexByte(source[i+1:], '\'')
			if end < 0 {
				return "", &quoteError{source, c}
			}
			for _, r := range source[i+1 : i+1+end] {
				w.literal(r, false)
			}
			n = end + 2
		case '"':
			end, err := w.doubleQuoted(source[i:])
			if err != nil {
				return "", err
			}
			n = end
		case '$':
			end, err := substitution(source[i:])
			if err != nil {
				return "", err
			}
			w.substitution(source[i : i+end])
			n = end
		case '\\':
			if i+1 < len(source) {
				r, size := utf8.DecodeRuneInString(source[i+1:])
				w.literal(r, true)
				n += size
			}
		default:
			r, size := utf8.DecodeRuneInString(source[i:])
			w.literal(r, false)
			n = size
		}
		i += n
	}
	return w.String(), nil
}

type quoteError struct {
	source string
	quote  byte
}

func (e *quoteError) Error() string { return "no closing " + string(e.quote) + " in " + e.source }

// plainWriter puts a plain word together. What an element means must not change by what follows it, so the spelling of
// the last one is settled when the next one comes.
type plainWriter struct {
	b    strings.Builder
	last string // not yet written: "$", `\`, or an unbraced $name
}

func (w *plainWriter) doubleQuoted(s string) (int, error) {
	for i := 1; i < len(s); {
		n := 1
		switch c := s[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`"$\`, s[i+1]) >= 0:
			w.literal(rune(s[i+1]), true)
			n = 2
		case c == '$':
			end, err := substitution(s[i:])
			if err != nil {
				return 0, err
			}
			w.substitution(s[i : i+end])
			n = end
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			w.literal(r, false)
			n = size
		}
		i += n
	}
	return 0, &quoteError{s, '"'}
}

// literal adds a character that stands for itself. A backslash that was escaped stays so.
func (w *plainWriter) literal(r rune, escaped bool) {
	w.settle(r)
	switch {
	case r == '$':
		w.b.WriteString(`\$`)
	case r == '\\' && escaped:
		w.b.WriteString(`\\`)
	case r == '\\':
		w.last = `\`
	default:
		w.b.WriteRune(r)
	}
}

func (w *plainWriter) substitution(s string) {
	w.settle('$')
	if s == "$" || s[1] != '{' {
		w.last = s
	} else {
		w.b.WriteString(s)
	}
}

// settle writes the element that waits, now that next, the character after it in the file's meaning, is known.
func (w *plainWriter) settle(next rune) {
	joins := nameRune(next)
	switch last := w.last; {
	case last == `\` && (next == '$' || next == '\\'):
		w.b.WriteString(`\\`)
	case last == "$" && (joins || next == '{'):
		w.b.WriteString(`\$`)
	case len(last) > 1 && joins && !isDigit(last[1:]):
		w.b.WriteString("${" + last[1:] + "}")
	default:
		w.b.WriteString(last)
	}
	w.last = ""
}

// isDigit tells $1, which ends after the digit, from $name.
func isDigit(name string) bool { return variable(name+"_") != len(name)+1 }

func (w *plainWriter) String() string {
	w.settle(utf8.RuneError)
	return w.b.String()
}
