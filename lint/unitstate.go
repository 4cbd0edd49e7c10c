package lint

import (
	"path"
	"slices"
	"strings"
)

// unitState is whether a unit starts at boot, and what says so: the last of the two is the one that counts.
type unitState struct {
	enabled, masked bool
	// by is the link that enables it, or command the systemctl that does.
	by      *File
	command *Command
}

// finding is about what enables the unit.
func (s unitState) finding(format string, args ...any) Finding {
	if s.by != nil {
		return s.by.Finding(format, args...)
	}
	return s.command.Finding(format, args...)
}

// unitStates are the units that are enabled, disabled or masked, by name: by links in the root, and by systemctl in the steps of a
// Containerfile. What the base enables is not known before the build.
func (f *Facts) unitStates() map[string]unitState {
	out := map[string]unitState{}
	for _, dir := range slices.Backward(unitDirs) {
		for _, kind := range []string{"wants", "requires", "upholds"} {
			for link := range f.Root.Glob(dir + "/*." + kind + "/*") {
				if link.IsLink() && link.Link != "/dev/null" {
					out[link.Name()] = unitState{enabled: true, by: link}
				}
			}
		}
	}
	for _, dir := range slices.Backward(unitDirs) {
		for entry := range f.Root.In(dir) {
			if name := entry.Name(); slices.Contains(unitTypes, path.Ext(name)) {
				if _, masked := unitFileOf(f.Root, entry); masked || out[name].masked {
					s := out[name]
					s.masked = masked
					out[name] = s
				}
			}
		}
	}
	for c := range f.Commands() {
		for verb, names := range systemctl(c) {
			for _, name := range names {
				s := out[name]
				switch verb {
				case "enable", "reenable":
					s = unitState{enabled: true, masked: s.masked, command: c}
				case "disable":
					s.enabled = false
				case "mask":
					s.masked = true
				case "unmask":
					s.masked = false
				}
				out[name] = s
			}
		}
	}
	return out
}

// runs says that the unit starts at boot, or on what starts it.
func (s unitState) runs() bool { return s.enabled && !s.masked }

// systemctl yields the verb of a systemctl command and the units that it is about, with their full names.
func systemctl(c *Command) func(func(string, []string) bool) {
	return func(yield func(string, []string) bool) {
		if !c.Is("systemctl") || c.Has("--user", "--global") {
			return
		}
		ops := c.Operands("-t", "-p", "-H", "-M", "--root")
		if len(ops) == 0 || !ops[0].Known {
			return
		}
		if root, ok := c.Value("--root"); ok && root.Text != "/" {
			return
		}
		var names []string
		for _, w := range ops[1:] {
			if !w.Known || w.Glob {
				continue
			}
			name := path.Base(w.Text)
			if !slices.Contains(unitTypes, path.Ext(name)) {
				name += ".service"
			}
			names = append(names, name)
		}
		yield(ops[0].Text, names)
	}
}

// unitName says whether the unit is any of those; @ stands for all instances of a template.
func unitName(name string, of ...string) bool {
	return slices.ContainsFunc(of, func(o string) bool {
		stem, ext, isTemplate := strings.Cut(o, "@")
		return name == o || isTemplate && strings.HasPrefix(name, stem+"@") && strings.HasSuffix(name, ext)
	})
}
