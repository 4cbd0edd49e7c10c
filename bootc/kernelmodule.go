package bootc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// KernelModule is a kernel module: its file, and what the machine does with it. Features with the same Name add up, so
// that one may bring the file and another load it. A module that is built from source is a Driver, and its settings are
// a KernelModule beside it.
//
// Files go to /usr/lib/modules/VERSION/updates, where they win over modules of the kernel itself, and depmod runs once
// for all. The initramfs is made anew only if the module is in it; see Initramfs.
type KernelModule struct {
	// Name as lsmod shows it, such as "acme_net"; "-" is the same as "_".
	Name string
	// Content is the module's file, .ko or that compressed with gzip, xz or zstd. It must be built for the kernel and
	// the architecture of the image. The zero value is for a module that the base, a package or a Driver brings.
	Content Content `json:",omitzero"`
	// KABI accepts a Content that is built for another release of the kernel whose interface is the same, as RHEL keeps
	// it within a major release. The module must have symbol versions, which the kernel compares when it loads it.
	KABI bool `json:",omitzero"`
	// Load loads it at boot, and not only when a device asks for it (modules-load.d(5)).
	Load bool `json:",omitzero"`
	// Options are values of its parameters, such as "debug=1" (modprobe.d(5)). A parameter that the module does not
	// have is an error where its file is known.
	Options []string `json:",omitzero"`
	// Blacklist keeps devices from loading it, in the initramfs too: a line in modprobe.d, and for the initramfs the
	// kernel arguments modprobe.blacklist and rd.driver.blacklist. Another module that needs it still loads it.
	Blacklist bool `json:",omitzero"`
	// Initramfs puts the module into the initramfs, for what the root file system or the console needs; with Load it is
	// loaded there.
	Initramfs bool `json:",omitzero"`
}

// LoadModules loads kernel modules at boot that the base, packages or Drivers bring; see KernelModule.
func (s Spec) LoadModules(names ...string) Spec {
	for _, name := range names {
		s = s.With(KernelModule{Name: name, Load: true})
	}
	return s
}

// BlacklistModules keeps devices from loading kernel modules; see KernelModule.
func (s Spec) BlacklistModules(names ...string) Spec {
	for _, name := range names {
		s = s.With(KernelModule{Name: name, Blacklist: true})
	}
	return s
}

var (
	moduleName   = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	moduleOption = lazyregexp.New(`^[A-Za-z0-9_]+(=([^\s"'#\\]*|"[^"'\\\n\r]*"))?$`)
)

// underscored is the name as the kernel has it: files may have "-" in its place.
func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Contribute checks the file and leaves the rest for the others to agree with.
func (m KernelModule) Contribute(d *Draft) error {
	var errs []error
	errs = append(errs, checkModuleName("Name", m.Name))
	m.Name = underscored(m.Name)
	for i, o := range m.Options {
		if !moduleOption.MatchString(o) {
			errs = append(errs, Errorf(indexed("Options", i), `%q is not parameter=value; a value with spaces stands in double quotes`, o))
		}
	}
	if m.Blacklist && m.Load {
		errs = append(errs, Errorf("Load", "a module with Blacklist is not loaded at boot"))
	}
	var file *moduleInfo
	n, err := m.Content.Size()
	if n > 0 {
		file, err = readModule(m.Content)
	}
	switch {
	case err != nil:
		errs = append(errs, &FieldError{"Content", err})
	case n > 0:
		errs = append(errs, m.checkFile(*file))
	case m.KABI:
		errs = append(errs, Errorf("KABI", "is for a module that is given here, and Content is empty"))
	case !m.Load && !m.Blacklist && !m.Initramfs && len(m.Options) == 0:
		errs = append(errs, Errorf("", "%s has nothing to do: set Content, Load, Options, Blacklist or Initramfs", m.Name))
	}
	if err := join(errs); err != nil {
		return err
	}
	d.modules = append(d.modules, intend(d, askedModule{m, file}))
	return nil
}

// askedModule is a KernelModule with what its Content says of itself, nil if it has none.
type askedModule struct {
	KernelModule
	file *moduleInfo
}

func checkModuleName(field, name string) error {
	if !moduleName.MatchString(name) {
		return Errorf(field, "%q is not the name of a kernel module, without .ko: letters, digits, - and _", name)
	}
	return nil
}

// checkFile looks at what holds for any kernel.
func (m KernelModule) checkFile(info moduleInfo) error {
	var errs []error
	if underscored(info.name) != m.Name {
		errs = append(errs, Errorf("Name", "is %q, and the module in Content says it is %s", m.Name, info.name))
	}
	for i, o := range m.Options {
		if key, _, _ := strings.Cut(o, "="); !slices.Contains(info.parms, key) {
			errs = append(errs, Errorf(indexed("Options", i), "the module has no parameter %s; it has %s", key, orNone(info.parms)))
		}
	}
	return join(errs)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return list(names)
}

// moduleSettings are what all features together say of one module.
type moduleSettings struct {
	name             string
	brought          bool // by this Spec, as a file or built
	load, blacklist  bool
	initramfs        bool
	options          []string
	features, wanted []string // all of them; those that want it in the initramfs
}

// moduleSettings joins the KernelModules, by name.
func (d *Draft) moduleSettings() ([]moduleSettings, []error) {
	byName := map[string]*moduleSettings{}
	at := func(name string) *moduleSettings {
		if byName[name] == nil {
			byName[name] = &moduleSettings{name: name}
		}
		return byName[name]
	}
	var errs []error
	for _, m := range d.drivers {
		for _, name := range m.value.Modules {
			at(underscored(name)).brought = true
		}
	}
	for _, m := range d.modules {
		s, v := at(m.value.Name), m.value
		s.brought = s.brought || v.file != nil
		s.features = union(s.features, m.features)
		s.load, s.blacklist = s.load || v.Load, s.blacklist || v.Blacklist
		if s.load && s.blacklist {
			errs = append(errs, Errorf(m.features[0], "%s is to be loaded at boot and has Blacklist (%s): let one of them go", s.name, list(s.features)))
			s.load, s.blacklist = false, false
		}
		if v.Initramfs {
			s.initramfs, s.wanted = true, union(s.wanted, m.features)
		}
		for i, o := range v.Options {
			key, _, _ := strings.Cut(o, "=")
			for _, other := range s.options {
				if k, _, _ := strings.Cut(other, "="); k == key && other != o {
					errs = append(errs, Errorf(m.features[0]+"."+indexed("Options", i), "%s has %s already", s.name, other))
				}
			}
			s.options = union(s.options, []string{o})
		}
	}
	var out []moduleSettings
	for _, name := range sortedKeys(byName) {
		slices.Sort(byName[name].options)
		out = append(out, *byName[name])
	}
	return out, errs
}

// The files of the settings. They are below /usr/lib, where dracut takes them from for any machine. What is to be loaded
// later comes after the initramfs is made, for dracut copies the modules that such a file names.
const (
	modprobeFile  = "/usr/lib/modprobe.d/50-bootloom.conf"
	loadFile      = "/usr/lib/modules-load.d/50-bootloom.conf"
	loadEarlyFile = "/usr/lib/modules-load.d/50-bootloom-initramfs.conf"
)

// putModuleSettings writes the files. It returns the features whose modules are, or may be, in the initramfs.
func (d *Draft) putModuleSettings(all []moduleSettings) (inInitramfs []string) {
	var load, loadEarly, modprobe strings.Builder
	var loading, loadingEarly, configuring, blacklisting, blacklist []string
	for _, s := range all {
		switch {
		case s.load && s.initramfs:
			fmt.Fprintln(&loadEarly, s.name)
			loadingEarly = union(loadingEarly, s.features)
		case s.load:
			fmt.Fprintln(&load, s.name)
			loading = union(loading, s.features)
		}
		if s.blacklist {
			fmt.Fprintln(&modprobe, "blacklist", s.name)
			blacklist, blacklisting = append(blacklist, s.name), union(blacklisting, s.features)
		}
		if len(s.options) > 0 {
			fmt.Fprintln(&modprobe, "options", s.name, strings.Join(s.options, " "))
			if !s.brought || s.initramfs { // the base's initramfs may have it
				inInitramfs = union(inInitramfs, s.features)
			}
		}
		if s.blacklist || len(s.options) > 0 {
			configuring = union(configuring, s.features)
		}
		inInitramfs = union(inInitramfs, s.wanted)
	}
	for _, f := range []struct {
		text     *strings.Builder
		phase    Phase
		path     string
		features []string
	}{{&load, PhaseFiles, loadFile, loading}, {&loadEarly, PhaseKernel, loadEarlyFile, loadingEarly}, {&modprobe, PhaseKernel, modprobeFile, configuring}} {
		if f.text.Len() > 0 {
			d.putFor(f.features, f.phase, regular(f.path, f.text.String()))
		}
	}
	if len(blacklist) > 0 {
		names := strings.Join(blacklist, ",")
		d.kargs = append(d.kargs, drafted[Kargs]{Kargs{Name: "50-bootloom-modules", Args: []string{"modprobe.blacklist=" + names, "rd.driver.blacklist=" + names}}, blacklisting})
	}
	return inInitramfs
}
