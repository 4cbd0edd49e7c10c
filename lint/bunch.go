package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// bunch are files of one directory that one step or layer puts there: a finding, where one for each file would be too many.
type bunch struct {
	dir   string
	first *File
	files int
	bytes int64
}

// bunches puts files together by the directory that of gives for them, and by the step or layer they come from, in the order in which
// they come.
func bunches(files func(func(*File) bool), of func(*File) string) []*bunch {
	type key struct {
		dir   string
		layer *Layer
		step  *Step
		lines [2]int
	}
	byKey := map[key]*bunch{}
	var out []*bunch
	for f := range files {
		m := f.extra()
		k := key{of(f), f.Layer, m.step, m.lines}
		b := byKey[k]
		if b == nil {
			b = &bunch{dir: k.dir, first: f}
			byKey[k] = b
			out = append(out, b)
		}
		b.files++
		b.bytes += f.Size
	}
	return out
}

// finding is about the file, if there is one only, or else about the directory.
func (b *bunch) finding(format string, args ...any) Finding {
	out := b.first.Finding(format, args...)
	if b.files > 1 {
		out.Path = printable(b.dir)
	}
	return out
}

// what names the files in a message.
func (b *bunch) what() string {
	if b.files == 1 {
		return "it"
	}
	return fmt.Sprintf("the %d files there", b.files)
}

// owner is the directory of a file below /var that one program has for itself: /var/lib/NAME, /var/spool/NAME, or /var/NAME.
func owner(p string) string {
	parts := strings.SplitN(p, "/", 5) // "", var, lib, NAME, rest
	n := 3
	switch {
	case len(parts) < 4:
		return p
	case parts[2] == "lib" || parts[2] == "spool" || parts[2] == "cache" || parts[2] == "log" || parts[2] == "home" || parts[2] == "opt":
		n = 4
	}
	return strings.Join(parts[:n], "/")
}

// sizeOf writes a number of bytes for people.
func sizeOf(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d kB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// enumerate puts words together for people.
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
