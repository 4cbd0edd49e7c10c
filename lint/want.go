package lint

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Want asks for the content of files. Contents are read in the one pass over a target, so a rule says beforehand what
// it will look at. It may look at whatever any rule asked for, but should not rely on others.
type Want struct {
	// Glob is a pattern of absolute paths. In it * and ? and [a-z] match within one element, as in path.Match, and ** as an
	// element of its own matches any number of elements:
	//
	//	/etc/passwd                   that file
	//	/usr/lib/bootc/kargs.d/*      files in that directory
	//	/etc/systemd/system/**        files below that directory
	//	/usr/lib/**/*.service         files of that kind below that directory
	//	**/.netrc                     files of that name
	Glob string
	// Max is the size up to which a file is read; the zero value is 1 MiB. The content of a larger one is not known, and
	// a finding of rule BL005 says so, unless Quiet is set.
	Max   int64
	Quiet bool
	// Derived asks only for files from above the base image, and for none where nobody knows what the base is.
	Derived bool
	// Digest asks for File.Digest, whatever the size, and not for the content.
	Digest bool
	// Mode asks only for files that have any of these bits, such as fs.ModeSetuid or 0111. Zero is no condition.
	Mode fs.FileMode
	// Having asks only for text in which at least one of these strings is, up to 64 of them. What has none, and what has a NUL
	// byte in its first 8 KiB, is looked through and not kept, so that a pattern may be as wide as /**.
	Having []string

	having *literals
}

// defaultMax is the zero value of Want.Max.
const defaultMax = 1 << 20

// Reading returns Wants for files of ordinary size: one for each pattern.
func Reading(globs ...string) []Want {
	out := make([]Want, len(globs))
	for i, g := range globs {
		out[i] = Want{Glob: g}
	}
	return out
}

func (w Want) check() error {
	if len(w.Having) > maxLiterals || slices.Contains(w.Having, "") {
		return fmt.Errorf("pattern %q: Having has an empty string, or more than %d", w.Glob, maxLiterals)
	}
	_, err := compileGlob(w.Glob)
	return err
}

func (w Want) max() int64 { return cmp.Or(w.Max, defaultMax) }

// glob is a compiled pattern.
type glob struct {
	prefix  string   // the directory that everything is below, or the whole path if literal
	parts   []string // after prefix
	literal bool
}

func compileGlob(pattern string) (glob, error) {
	text := pattern
	if strings.HasPrefix(text, "**/") {
		text = "/" + text
	}
	if !path.IsAbs(text) || path.Clean(text) != text {
		return glob{}, fmt.Errorf("pattern %q: want an absolute, clean path, or one that begins with **/", pattern)
	}
	parts := strings.Split(text[1:], "/")
	n := 0
	for n < len(parts) && !strings.ContainsAny(parts[n], `*?[\`) {
		n++
	}
	for _, p := range parts[n:] {
		if strings.Contains(p, "**") && p != "**" {
			return glob{}, fmt.Errorf("pattern %q: ** must be an element of its own", pattern)
		}
		if _, err := path.Match(p, ""); err != nil {
			return glob{}, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	g := glob{prefix: "/" + strings.Join(parts[:n], "/"), parts: parts[n:], literal: n == len(parts)}
	return g, nil
}

// match says whether the path is one of the pattern's.
func (g glob) match(p string) bool {
	if g.literal {
		return p == g.prefix
	}
	rest, ok := strings.CutPrefix(p, strings.TrimSuffix(g.prefix, "/")+"/")
	return ok && rest != "" && matchParts(g.parts, rest)
}

func matchParts(parts []string, rest string) bool {
	for len(parts) > 0 {
		if parts[0] == "**" {
			if len(parts) == 1 {
				return rest != ""
			}
			for { // try the others at each element
				if matchParts(parts[1:], rest) {
					return true
				}
				i := strings.IndexByte(rest, '/')
				if i < 0 {
					return false
				}
				rest = rest[i+1:]
			}
		}
		name, below, more := strings.Cut(rest, "/")
		if !matchName(parts[0], name) || more != (len(parts) > 1) {
			return false
		}
		parts, rest = parts[1:], below
	}
	return rest == ""
}

// matchName is path.Match with short cuts for what most patterns are.
func matchName(pattern, name string) bool {
	switch {
	case pattern == "*":
		return name != ""
	case pattern[0] == '*' && !strings.ContainsAny(pattern[1:], `*?[\`):
		return strings.HasSuffix(name, pattern[1:])
	case !strings.ContainsAny(pattern, `*?[\`):
		return pattern == name
	}
	ok, _ := path.Match(pattern, name)
	return ok
}
