package changes

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/tree"
)

// unitDirs are where units come from, the first first (systemd.unit(5)); what is generated at boot is not in an image.
// quadletDirs have what quadlet makes units of (podman-systemd.unit(5)).
var (
	unitDirs    = []string{"etc/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system"}
	quadletDirs = []string{"etc/containers/systemd", "usr/share/containers/systemd"}
	allUnitDirs = slices.Concat(unitDirs, quadletDirs)

	unitTypes    = []string{".service", ".socket", ".target", ".timer", ".path", ".mount", ".automount", ".swap", ".slice", ".device", ".scope"}
	quadletTypes = []string{".container", ".pod", ".volume", ".network", ".kube", ".image", ".build", ".artifact"}
)

// compareUnits compares the states of units, and finds those whose files were edited.
func compareUnits(from, to *tree.Tree, files []File) []Unit {
	old, new := unitStates(from), unitStates(to)
	edited := map[string]bool{}
	for _, f := range files {
		if name, ok := editedUnit(f); ok {
			edited[name] = true
		}
	}
	var out []Unit
	for _, name := range sortedKeys(old, new) {
		u := Unit{Name: name, From: old[name], To: new[name]}
		u.Edited = edited[name] && u.From != "" && u.To != ""
		if u.From != u.To || u.Edited {
			out = append(out, u)
		}
	}
	return out
}

// editedUnit is the unit of which a file is the file or a drop-in. A link is no edit: it says whether a unit is enabled.
func editedUnit(f File) (string, bool) {
	if f.From.Link != "" || f.To.Link != "" {
		return "", false
	}
	dir, base := cutLast(f.Path[1:])
	for _, top := range allUnitDirs {
		if dir == top {
			return base, true
		}
		if below, ok := strings.CutPrefix(dir, top+"/"); ok {
			name, isDropIn := strings.CutSuffix(below, ".d")
			return name, isDropIn && path.Ext(base) == ".conf"
		}
	}
	return "", false
}

// unitStates has the state of each unit, as systemctl list-unit-files shows it, and of instances that are enabled.
func unitStates(t *tree.Tree) map[string]string {
	out, instances := map[string]string{}, map[string]string{}
	enabled := map[string]bool{}
	for _, dir := range unitDirs {
		entries, _ := t.ReadDir(dir)
		for _, e := range entries {
			name, at := e.Name(), path.Join(dir, e.Name())
			switch {
			case e.IsDir():
				if dir == unitDirs[0] && slices.Contains([]string{".wants", ".requires", ".upholds"}, path.Ext(name)) {
					links, _ := t.ReadDir(at)
					for _, l := range links {
						enabled[l.Name()] = true
					}
				}
			case slices.Contains(unitTypes, path.Ext(name)):
				state, of := stateOf(t, at)
				if state == "alias" && dir == unitDirs[0] {
					enabled[of] = true
				}
				if _, hidden := out[name]; !hidden && state != "alias" {
					instances[name] = of
				}
				setOnce(out, name, state)
			}
		}
	}
	for name := range enabled {
		template, instance := cutInstance(name)
		switch {
		case instance == "" && out[name] != "" && out[name] != "masked" && out[name] != "alias":
			out[name] = "enabled"
		case instance != "" && out[template] != "" && out[template] != "masked" && out[name] != "masked":
			out[name] = "enabled"
			if instance == instances[template] {
				out[template] = "enabled"
			} else if out[template] != "enabled" {
				out[template] = "indirect" // by an instance other than its own
			}
		}
	}
	for _, dir := range quadletDirs {
		entries, _ := t.ReadDir(dir)
		for _, e := range entries {
			if slices.Contains(quadletTypes, path.Ext(e.Name())) {
				setOnce(out, e.Name(), "quadlet")
			}
		}
	}
	return out
}

// cutInstance takes an instance apart: getty@tty1.service is tty1 of getty@.service.
func cutInstance(name string) (template, instance string) {
	prefix, rest, _ := strings.Cut(name, "@")
	return prefix + "@" + path.Ext(rest), strings.TrimSuffix(rest, path.Ext(rest))
}

// stateOf is the state of a unit by its file alone. It is of another unit if it is an alias, and of an instance if it is a
// template that names one.
func stateOf(t *tree.Tree, at string) (state, of string) {
	e, _ := t.Lookup(at)
	if e.Mode.Type() == fs.ModeSymlink {
		end := t.Resolve(at)
		dir, base := cutLast(end)
		switch {
		case end == "dev/null":
			return "masked", ""
		case !slices.Contains(unitDirs, dir):
			return "linked", ""
		case base != path.Base(at):
			return "alias", base
		}
		at = end
	}
	text, err := fs.ReadFile(t, at)
	switch {
	case err == nil && len(text) == 0:
		return "masked", ""
	}
	return installState(string(text))
}

// installState is the state of a unit that is not enabled, by its section [Install], and the instance that it names.
func installState(text string) (state, instance string) {
	state = "static"
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section != "[Install]" || strings.TrimSpace(value) == "" {
			continue
		}
		switch strings.TrimSpace(key) {
		case "WantedBy", "RequiredBy", "UpheldBy", "Alias":
			state = "disabled"
		case "Also":
			if state == "static" {
				state = "indirect"
			}
		case "DefaultInstance":
			instance = strings.TrimSpace(value)
		}
	}
	return state, instance
}
