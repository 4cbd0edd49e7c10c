package lint

import (
	"fmt"
	"iter"
	"strings"
)

// keyFile is a file of groups, keys and values: systemd's units and GLib's key files.
type keyFile []keyGroup

type keyGroup struct {
	name string
	keys []keyValue
}

type keyValue struct {
	key, value string
	line       int
}

// parseKeyFile reads a key file. It returns what it could read together with the first mistake. A backslash at the end of a
// line continues it, as in units.
func parseKeyFile(text string) (k keyFile, line int, err error) {
	fail := func(n int, format string, args ...any) {
		if err == nil {
			line, err = n, fmt.Errorf(format, args...)
		}
	}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		at, l := i+1, strings.TrimSpace(lines[i])
		for strings.HasSuffix(l, "\\") && i+1 < len(lines) {
			i++
			if next := strings.TrimSpace(lines[i]); !strings.HasPrefix(next, "#") && !strings.HasPrefix(next, ";") {
				l = strings.TrimSuffix(l, "\\") + " " + next
			}
		}
		switch {
		case l == "" || l[0] == '#' || l[0] == ';':
		case l[0] == '[':
			name, ok := strings.CutSuffix(l[1:], "]")
			if !ok || name == "" {
				fail(at, "%q is no group, such as [Unit]", clip(l))
				continue
			}
			k = append(k, keyGroup{name: name})
		default:
			key, value, ok := strings.Cut(l, "=")
			if key = strings.TrimSpace(key); !ok || key == "" {
				fail(at, "%q is no key=value", clip(l))
				continue
			}
			if len(k) == 0 {
				fail(at, "%s stands before the first group, such as [Unit]", clip(key))
				continue
			}
			g := &k[len(k)-1]
			g.keys = append(g.keys, keyValue{key, strings.TrimSpace(value), at})
		}
	}
	return k, line, err
}

// all are the values of a key in order, those of several groups of one name together. An empty value takes back those
// before it, as in units.
func (k keyFile) all(group, key string) []keyValue {
	var out []keyValue
	for v := range k.each(group, key) {
		if out = append(out, v); v.value == "" {
			out = nil
		}
	}
	return out
}

// each yields the values of a key in order, empty ones too.
func (k keyFile) each(group, key string) iter.Seq[keyValue] {
	return func(yield func(keyValue) bool) {
		for _, g := range k {
			for _, v := range g.keys {
				if g.name == group && v.key == key && !yield(v) {
					return
				}
			}
		}
	}
}

// get is the last value of a key, "" if there is none.
func (k keyFile) get(group, key string) string {
	list := k.all(group, key)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1].value
}

// line is where the last value of a key stands, 0 if there is none.
func (k keyFile) line(group, key string) int {
	list := k.all(group, key)
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1].line
}
