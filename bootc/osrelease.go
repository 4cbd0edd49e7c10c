package bootc

import (
	"bytes"
	"strings"
)

// ParseOSRelease reads os-release(5): one assignment a line, values quoted as in a shell. Lines that are no
// assignment are skipped, as systemd skips them; the last of several assignments counts.
func ParseOSRelease(text []byte) map[string]string {
	out := map[string]string{}
	for line := range bytes.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !ok || !isName(key) {
			continue
		}
		if v, ok := unquote(value); ok {
			out[key] = v
		}
	}
	return out
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// unquote takes shell quotes off. In double quotes a backslash keeps its meaning only before $, `, " and itself.
func unquote(s string) (string, bool) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote && quote != 0:
			quote = 0
		case c == '\\' && quote != '\'':
			if i++; i == len(s) {
				return "", false
			}
			if quote == '"' && strings.IndexByte("$`\"\\", s[i]) < 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), quote == 0
}
