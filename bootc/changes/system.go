package changes

import (
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/internal/tree"
)

const modulesDir = "usr/lib/modules"

// kernels are the directories of modules that have a kernel.
func kernels(t *tree.Tree) string {
	entries, _ := t.ReadDir(modulesDir)
	var out []string
	for _, e := range entries {
		if _, ok := t.Lookup(path.Join(modulesDir, e.Name(), "vmlinuz")); ok {
			out = append(out, e.Name())
		}
	}
	return strings.Join(out, " ")
}

// prettyName is the name that a system has for itself (os-release(5)).
func prettyName(t *tree.Tree) string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := fs.ReadFile(t, t.Resolve(name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				if text, err := strconv.Unquote(value); err == nil {
					return text
				}
				return strings.Trim(value, `'"`)
			}
		}
		return ""
	}
	return ""
}
