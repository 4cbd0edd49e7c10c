package changes

import (
	"fmt"
	"strings"
)

// size is a number of bytes for people, in powers of 1000.
func size(n int64) string {
	switch {
	case abs(n) < 1000:
		return fmt.Sprintf("%d bytes", n)
	case abs(n) < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case abs(n) < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

func abs(n int64) int64 { return max(n, -n) }

func signed(n int64) string {
	if n >= 0 {
		return "+" + size(n)
	}
	return size(n)
}

func short(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(12, len(hex))]
}

// code is a code span: nothing in it is Markdown.
func code(s string) string {
	s = printable(s)
	ticks := "`"
	for strings.Contains(s, ticks) {
		ticks += "`"
	}
	if len(ticks) > 1 {
		return ticks + " " + s + " " + ticks
	}
	return ticks + s + ticks
}

// escape is text that is no Markdown.
func escape(s string) string {
	return strings.NewReplacer("*", `\*`, "[", `\[`, "<", `\<`, "`", "\\`", "|", `\|`).Replace(printable(s))
}

// printable leaves no control character, which could play with a terminal or begin a new line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}
