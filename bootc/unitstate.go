package bootc

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// unitStates are the states that the features want, by unit: "Enable", "Disable" or "Mask".
type unitStates struct {
	own      map[string]installSection // of the unit files that features bring
	state    map[string]string
	features map[string][]string
}

// unitStates collects them, with an error for each unit that features do not agree about.
func (d *Draft) unitStates() (unitStates, []error) {
	u := unitStates{map[string]installSection{}, map[string]string{}, map[string][]string{}}
	for _, f := range d.units {
		if f.value.Content != "" {
			u.own[f.value.Name], _ = parseInstall(f.value.Content) // checked by Contribute
		}
	}
	var errs []error
	for _, f := range d.units {
		for _, state := range f.value.states() {
			name, at := u.own[f.value.Name].instance(f.value.Name), f.features[0]+"."+state
			if old := u.state[name]; old != "" && old != state {
				errs = append(errs, Errorf(at, "%s has %s from %s: let one of them go", name, old, list(u.features[name])))
			}
			if install, ours := u.own[unitFile(u.own, name)]; ours && state == "Enable" && install.empty() {
				errs = append(errs, Errorf(at, "the file of %s has no [Install] that says what shall start it, such as WantedBy=multi-user.target", name))
			}
			u.state[name] = state
			u.features[name] = union(u.features[name], f.features)
		}
	}
	for queue := sortedKeys(u.state); len(queue) > 0; queue = queue[1:] {
		if name := queue[0]; u.state[name] == "Enable" {
			for _, also := range u.own[unitFile(u.own, name)].also {
				if u.state[also] == "" {
					u.state[also], u.features[also] = "Enable", u.features[name]
					queue = append(queue, also)
				}
			}
		}
	}
	return u, errs
}

// settleUnits enables, disables and masks. What a unit of ours says in [Install] is known, so its links are made
// here; for the others systemctl reads their files in the image.
func (d *Draft) settleUnits() []error {
	units, errs := d.unitStates()
	if len(errs) > 0 || len(units.state) == 0 {
		return errs
	}
	var all, stepFeatures, enable, disable []string
	for _, name := range sortedKeys(units.state) {
		state, features := units.state[name], units.features[name]
		all = union(all, features)
		file := unitFile(units.own, name)
		install, ours := units.own[file]
		switch {
		case state == "Mask":
			d.putFor(features, PhaseUnits, link(unitLinkDir+name, "/dev/null"))
			continue
		case ours && state == "Disable":
			continue // nothing enables it
		case ours:
			links, err := install.links(name, file)
			if err != nil {
				errs = append(errs, Errorf(features[0]+".Enable", "%s: %w", name, err))
			}
			for _, l := range links {
				d.putFor(features, PhaseUnits, l)
			}
			continue
		case state == "Disable":
			disable = append(disable, name)
		default:
			enable = append(enable, name)
		}
		stepFeatures = union(stepFeatures, features)
	}
	d.putFor(all, PhaseUnits, regular(presetFile, preset(units.state)))
	var commands []string
	if len(enable) > 0 {
		commands = append(commands, "systemctl enable "+words(enable))
	}
	if len(disable) > 0 {
		commands = append(commands, "systemctl disable "+words(disable))
	}
	if len(commands) > 0 {
		d.addFor(stepFeatures, d.stateWhen(append(enable, disable...)), containerfile.Run{Command: containerfile.Command{Shell: strings.Join(commands, " && ")}})
	}
	return errs
}

// stateWhen is the phase in which systemctl can find these units. Those that the base and packages bring are there once
// the packages are, and a step there stays as it is when a file changes; with files of the Spec for them, or steps that may
// bring any, it has to come after all of those.
func (d *Draft) stateWhen(units []string) Phase {
	for phase := PhaseKernel; phase <= PhaseUnits; phase++ {
		for _, e := range d.entries[phase] {
			for _, dir := range unitDirs {
				name, ok := strings.CutPrefix(e.Path, dir)
				name, _, _ = strings.Cut(name, "/")
				if ok && slices.ContainsFunc(units, func(u string) bool {
					tmpl, _ := splitInstance(u)
					return name == u || name == tmpl || name == u+".d" || name == tmpl+".d"
				}) {
					return PhaseUnits
				}
			}
		}
		for _, s := range d.steps[phase] {
			if bringsUnits(s.value, phase) {
				return PhaseUnits
			}
		}
	}
	return PhasePackages
}

var unitDirs = []string{unitDir, unitLinkDir}

// bringsUnits says that a step may put unit files somewhere. In the phases before that of files, commands have other
// things to do.
func bringsUnits(s containerfile.Step, phase Phase) bool {
	dest := ""
	switch s := s.(type) {
	case containerfile.Comment, containerfile.Label, containerfile.Arg, containerfile.Env:
		return false
	case containerfile.Copy:
		dest = s.Dest
	case containerfile.Add:
		dest = s.Dest
	case containerfile.Run:
		return phase >= PhaseFiles && !slices.Equal(s.Exec[:min(1, len(s.Exec))], []string{"install"})
	default:
		return true
	}
	dest = path.Clean("/" + dest)
	return slices.ContainsFunc(unitDirs, func(dir string) bool {
		return below(dir, dest) || below(dest, strings.TrimSuffix(dir, "/")) || dest == "/"
	})
}

// preset is the preset file, with instances behind their template (systemd.preset(5)).
func preset(states map[string]string) string {
	lines := map[string]string{}
	for _, name := range sortedKeys(states) {
		tmpl, instance := splitInstance(name)
		switch {
		case states[name] != "Enable":
			lines[name] = "disable " + name
		case instance == "":
			lines[name] = cmp.Or(lines[name], "enable "+name)
		default:
			lines[tmpl] = cmp.Or(lines[tmpl], "enable "+tmpl) + " " + instance
		}
	}
	var out strings.Builder
	for _, name := range sortedKeys(lines) {
		out.WriteString(lines[name] + "\n")
	}
	return out.String()
}
