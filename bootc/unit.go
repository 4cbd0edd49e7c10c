package bootc

import "github.com/bootloom/bootloom/internal/lazyregexp"

// Unit is a systemd unit: its file, drop-ins, and whether it starts at boot. Features with the same Name add up, so
// that one may bring the file and another enable it.
//
// On a machine's first boot systemd applies presets, which may undo what "systemctl enable" did in the image. So each
// state is also a line in /usr/lib/systemd/system-preset/10-bootloom.preset, which comes before the distribution's.
type Unit struct {
	// Name with its type: "app.service", "app@.service" for a template, "app@one.service" for its instance.
	Name string
	// Content is the text of the unit file, which goes to /usr/lib/systemd/system. The zero value is for a unit that
	// the base, a package or another feature brings.
	Content string `json:",omitzero"`
	// DropIns are the files of /usr/lib/systemd/system/NAME.d: "10-limits.conf" and its text.
	DropIns map[string]string `json:",omitzero"`
	// Enable does what [Install] of the unit file says; Disable undoes it. Mask makes it impossible to start the
	// unit, by a link to /dev/null in /etc/systemd/system. One of the three.
	Enable  bool `json:",omitzero"`
	Disable bool `json:",omitzero"`
	Mask    bool `json:",omitzero"`
}

// Unit adds a unit file with text and enables the unit; see Unit.
func (s Spec) Unit(name, text string) Spec {
	return s.With(Unit{Name: name, Content: text, Enable: true})
}

// Enable enables units that the base or packages bring; see Unit.
func (s Spec) Enable(names ...string) Spec {
	for _, name := range names {
		s = s.With(Unit{Name: name, Enable: true})
	}
	return s
}

// Mask masks units; see Unit.
func (s Spec) Mask(names ...string) Spec {
	for _, name := range names {
		s = s.With(Unit{Name: name, Mask: true})
	}
	return s
}

const (
	unitDir     = "/usr/lib/systemd/system/"
	unitLinkDir = "/etc/systemd/system/"
	presetFile  = "/usr/lib/systemd/system-preset/10-bootloom.preset"
)

// unitName is that of systemd.unit(5).
var unitName = lazyregexp.New(`^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$`)

// Contribute adds the files and leaves the state for the others to agree with.
func (u Unit) Contribute(d *Draft) error {
	var errs []error
	if !unitName.MatchString(u.Name) || len(u.Name) > 255 {
		errs = append(errs, Errorf("Name", "%q is not the name of a unit with its type, such as app.service", u.Name))
	}
	states := u.states()
	if len(states) > 1 {
		errs = append(errs, Errorf(states[1], "contradicts %s", states[0]))
	}
	if u.Content != "" {
		errs = append(errs, u.checkContent())
		d.Put(PhaseUnits, regular(unitDir+u.Name, u.Content))
	}
	if u.Mask && u.Content != "" {
		errs = append(errs, Errorf("Mask", "would hide the Content given here: leave one of them out"))
	}
	for _, name := range sortedKeys(u.DropIns) {
		err := DropIn{Path: unitDir + u.Name + ".d/" + name, Content: u.DropIns[name]}.put(d, PhaseUnits)
		errs = append(errs, within("DropIns["+name+"]", err)...)
	}
	if len(states) == 0 && len(u.DropIns) == 0 && u.Content == "" {
		errs = append(errs, Errorf("", "%s: there is nothing to do: set Content, DropIns, Enable, Disable or Mask", u.Name))
	}
	if err := join(errs); err != nil {
		return err
	}
	d.units = append(d.units, intend(d, u))
	return nil
}

func (u Unit) states() []string {
	var out []string
	for _, s := range []struct {
		name string
		set  bool
	}{{"Enable", u.Enable}, {"Disable", u.Disable}, {"Mask", u.Mask}} {
		if s.set {
			out = append(out, s.name)
		}
	}
	return out
}

func (u Unit) checkContent() error {
	_, err := parseInstall(u.Content)
	tmpl, instance := splitInstance(u.Name)
	switch {
	case err != nil:
		return &FieldError{"Content", err}
	case instance != "":
		return Errorf("Name", "%s is an instance: the file belongs to the template %s", u.Name, tmpl)
	}
	return nil
}
