package containerfile

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// substitution returns the length of the variable substitution that s starts with: $name, $1, or ${…} with the
// builder's operators :- :+ :? # ## % %% / // /# /%. It is 1 for a dollar sign that substitutes nothing. The grammar
// is that of imagebuilder's shell_parser.go, which is not a shell's: there is no $(…) and no $$.
func substitution(s string) (int, error) {
	if len(s) < 2 {
		return 1, nil
	}
	if s[1] != '{' {
		return 1 + variable(s[1:]), nil
	}
	i := 2 + variable(s[2:])
	if i == len(s) {
		return 0, errUnclosedBrace
	}
	op := s[i]
	i++
	switch op {
	case '}':
		return i, nil
	case ':':
		mod, n := utf8.DecodeRuneInString(s[i:])
		if mod != '-' && mod != '+' && mod != '?' {
			return 0, fmt.Errorf("%q: the builder knows no substitution operator ':%c'", s, mod)
		}
		return until(s, i+n, "}")
	case '#', '%':
		if i < len(s) && s[i] == op {
			i++
		}
		return operand(s, i, "}")
	case '/':
		if i < len(s) && (s[i] == '/' || s[i] == '#' || s[i] == '%') {
			i++
		}
		end, err := operand(s, i, "/}")
		if err != nil || s[end-1] == '}' {
			return end, err
		}
		return until(s, end, "}")
	}
	return 0, fmt.Errorf("%q: after the name of a variable stands '}' or one of ':' '#' '%%' '/', not %q", s, op)
}

var errUnclosedBrace = errors.New("'${' without '}'; a dollar sign that stands for itself is written \\$, see Literal")

// operand is until for an operand that may not be empty.
func operand(s string, from int, stop string) (int, error) {
	end, err := until(s, from, stop)
	if err == nil && end == from+1 {
		return 0, fmt.Errorf("%q: the pattern to replace is empty", s)
	}
	return end, err
}

// variable returns the length of the name that s starts with: one digit, or letters, digits and underscores.
func variable(s string) int {
	for i, r := range s {
		if i == 0 && unicode.IsDigit(r) {
			return utf8.RuneLen(r)
		}
		if !nameRune(r) {
			return i
		}
	}
	return len(s)
}

func nameRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// until returns the index after the first byte of stop in s[from:] that neither quotes nor a substitution hide.
func until(s string, from int, stop string) (int, error) {
	for i := from; i < len(s); {
		c := s[i]
		for _, end := range []byte(stop) {
			if c == end {
				return i + 1, nil
			}
		}
		n, err := 1, error(nil)
		switch c {
		case '\\':
			if i+1 < len(s) {
				_, n = utf8.DecodeRuneInString(s[i+1:])
				n++
			}
		case '\'', '"':
			n, err = quoted(s[i:])
		case '$':
			n, err = substitution(s[i:])
		}
		if err != nil {
			return 0, err
		}
		i += n
	}
	return 0, errUnclosedBrace
}

// quoted returns the length of the quoted text that s starts with, quotes included.
func quoted(s string) (int, error) {
	quote := s[0]
	for i := 1; i < len(s); {
		n, err := 1, error(nil)
		switch c := s[i]; {
		case c == quote:
			return i + 1, nil
		case quote == '"' && c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '$' || s[i+1] == '\\'):
			n = 2
		case quote == '"' && c == '$':
			n, err = substitution(s[i:])
		}
		if err != nil {
			return 0, err
		}
		i += n
	}
	return 0, fmt.Errorf("no closing %c", quote)
}
