package lint

import (
	"path"
	"slices"
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

// leftByTool is what a command that installs packages leaves in its layer, and the commands that would take it away. That nothing at all is cleaned
// up after dnf is BL803.
func leftByTool(f *Facts, c *Command) (left []string, fix string) {
	if packageVerb(c) == "" || c.Step == nil {
		return nil, ""
	}
	cleans := func(verbs ...string) bool {
		return slices.ContainsFunc(c.Step.Commands, func(o *Command) bool { return isPackageTool(o) && slices.Contains(verbs, o.Verb()) })
	}
	if !lastOfTool(c) {
		return nil, ""
	}
	switch c.Name {
	case "dnf", "dnf5", "yum", "microdnf":
		if !cleans("clean") && !removes(c.Step, "/var/cache/dnf") {
			return nil, ""
		}
		if !removedLater(f, c.Step, "/var/lib/dnf") && c.Name != "dnf5" {
			left = append(left, "/var/lib/dnf")
		}
		if !removedLater(f, c.Step, "/var/log") && !removedLater(f, c.Step, "/var/log/dnf.log") {
			left = append(left, "/var/log/dnf*.log")
		}
		return left, "dnf clean all && rm -rf /var/log/* /var/cache/* /var/lib/{dnf,rhsm}"
	case "apt", "apt-get":
		if cleans("update") && !removes(c.Step, "/var/lib/apt/lists") {
			left = append(left, "/var/lib/apt/lists")
		}
		if !cleans("clean", "distclean") && !removes(c.Step, "/var/cache/apt") && !removes(c.Step, "/var/cache/apt/archives") {
			left = append(left, "/var/cache/apt")
		}
		return left, "apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*"
	}
	return nil, ""
}

// lastOfTool says that no later command of the step installs with the same tool, so that one finding does for the step.
func lastOfTool(c *Command) bool {
	i := slices.Index(c.Step.Commands, c)
	return !slices.ContainsFunc(c.Step.Commands[i+1:], func(o *Command) bool { return o.Name == c.Name && packageVerb(o) != "" })
}

// removedLater says whether the step or one after it takes the directory away. What is small may as well go at the end.
func removedLater(f *Facts, s *Step, dir string) bool {
	i := slices.Index(f.Build.Steps, s)
	return slices.ContainsFunc(f.Build.Steps[i:], func(s *Step) bool { return s.InImage && removes(s, dir) })
}
