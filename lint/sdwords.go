package lint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sdWords splits a line into at most n words as systemd does for units, tmpfiles.d and sysusers.d, and returns what
// comes after them. Quotes of both kinds may stand anywhere in a word. escapes says whether backslashes are those of C, as in
// tmpfiles.d and units; without, a backslash only takes the meaning from the character after it.
//
// Source: https://github.com/systemd/systemd/blob/main/src/basic/extract-word.c
func sdWords(line string, n int, escapes bool) (words []string, rest string, err error) {
	i := 0
	skip := func() {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
	}
	for skip(); i < len(line) && len(words) < n; skip() {
		var b strings.Builder
		quote := byte(0)
		for ; i < len(line) && (quote != 0 || !isSpace(line[i])); i++ {
			switch c := line[i]; {
			case c == '\\':
				text, used, err := sdEscape(line[i:], escapes)
				if err != nil {
					return words, "", err
				}
				b.WriteString(text)
				i += used - 1
			case c == quote:
				quote = 0
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			default:
				b.WriteByte(c)
			}
		}
		if quote != 0 {
			return words, "", fmt.Errorf("a word has no closing %c", quote)
		}
		words = append(words, b.String())
	}
	return words, line[i:], nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

var cEscapes = map[byte]string{'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\\': "\\", '"': `"`, '\'': "'", 's': " "}

// sdEscape reads an escape at the beginning of s, which is a backslash.
func sdEscape(s string, escapes bool) (text string, used int, err error) {
	if len(s) < 2 {
		return "", 0, errors.New("a backslash stands at the end")
	}
	if !escapes {
		return s[1:2], 2, nil
	}
	c := s[1]
	if text, ok := cEscapes[c]; ok {
		return text, 2, nil
	}
	code := func(from, digits, base int) (uint64, error) {
		if len(s) < from+digits {
			return 0, fmt.Errorf("the escape %s is cut off", clip(s))
		}
		n, err := strconv.ParseUint(s[from:from+digits], base, 32)
		if err != nil || n == 0 {
			return 0, fmt.Errorf("the escape %s is none", clip(s[:from+digits]))
		}
		return n, nil
	}
	switch {
	case c == 'x':
		n, err := code(2, 2, 16)
		return string([]byte{byte(n)}), 4, err
	case c == 'u' || c == 'U':
		digits := map[byte]int{'u': 4, 'U': 8}[c]
		n, err := code(2, digits, 16)
		if err == nil && !utf8.ValidRune(rune(n)) {
			err = fmt.Errorf("the escape %s is no character", clip(s[:2+digits]))
		}
		return string(rune(n)), 2 + digits, err
	case c >= '0' && c <= '7':
		n, err := code(1, 3, 8)
		if err == nil && n > 255 {
			err = fmt.Errorf("the escape %s is more than a byte", clip(s[:4]))
		}
		return string([]byte{byte(n)}), 4, err
	}
	return "", 0, fmt.Errorf(`the escape \%s is none`, clip(s[1:2]))
}
