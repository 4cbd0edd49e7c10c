package lint

import (
	"path"
	"strings"
)

// leftovers are the directories where package tools leave what a device never needs.
var leftovers = []string{
	"/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum", "/var/cache/apt", "/var/cache/PackageKit", "/var/cache/zypp",
	"/var/lib/dnf", "/var/lib/rhsm", "/var/lib/apt/lists",
	"/root/.cache", "/var/roothome/.cache", "/root/.npm", "/var/roothome/.npm",
}

// leftover is the directory of leftovers that the path is in, "" if it is in none.
func leftover(p string) string {
	for _, dir := range leftovers {
		if under(p, dir) {
			return dir
		}
	}
	return ""
}

// removes says whether the step deletes what is in the directory, or does not put it into the layer.
func removes(s *Step, dir string) bool {
	for _, c := range s.Commands {
		for _, m := range c.Mounts {
			if under(dir, m) {
				return true
			}
		}
		for _, w := range c.Writes {
			if w.Op == Remove && removesDir(w, dir) {
				return true
			}
		}
	}
	return false
}

func removesDir(w Write, dir string) bool {
	if !w.Glob {
		return w.Below && under(dir, w.Path)
	}
	if all, ok := strings.CutSuffix(w.Path, "/**"); ok { // of find -delete
		return under(dir, all)
	}
	g, err := compileGlob(w.Path)
	if err != nil {
		return false
	}
	for p := path.Join(dir, "x"); p != "/"; p = path.Dir(p) {
		if g.match(p) {
			return true
		}
	}
	return false
}
