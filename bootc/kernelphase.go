package bootc

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// settleKernel ends the phase of the kernel. What the image has of modules, firmware and dracut's sources comes before
// its last steps, whoever put it and into whatever phase: depmod, if modules came, and dracut, if something that is in the
// initramfs changed. They are apart, so that a driver that is not in the initramfs costs a device no new initramfs.
func (d *Draft) settleKernel() []error {
	changed := d.moveKernelFiles()
	settings, errs := d.moduleSettings()
	errs = append(errs, d.settleModules(changed.modules, settings)...)
	changed.initramfs = union(changed.initramfs, d.putModuleSettings(settings))
	for _, k := range d.kernels {
		changed.initramfs = union(changed.initramfs, k.features)
	}
	errs = append(errs, d.settleInitramfs(changed.initramfs, settings)...)
	return append(errs, d.checkBaseKernel()...)
}

// kernelFiles are the features that changed what depmod and dracut read.
type kernelFiles struct{ modules, initramfs []string }

// note looks at the path of a file, and says whether it must be there before the last steps of the phase.
func (k *kernelFiles) note(name string, features []string) bool {
	switch {
	case livesInInitramfs(name):
		k.initramfs = union(k.initramfs, features)
	case below(name, modulesDir), below(name, "/etc/depmod.d"), below(name, "/usr/lib/depmod.d"):
		k.modules = union(k.modules, features)
	default:
		return below(name, firmwareDir)
	}
	return true
}

// moveKernelFiles brings such files to the phase of the kernel from those after it.
func (d *Draft) moveKernelFiles() kernelFiles {
	var changed kernelFiles
	for p := range phases {
		d.entries[p] = slices.DeleteFunc(d.entries[p], func(e Entry) bool {
			move := changed.note(e.Path, e.Features) && p > PhaseKernel
			if move {
				d.entries[PhaseKernel] = append(d.entries[PhaseKernel], e)
			}
			return move
		})
		d.steps[p] = slices.DeleteFunc(d.steps[p], func(s drafted[containerfile.Step]) bool {
			c, isCopy := s.value.(containerfile.Copy)
			move := isCopy && changed.note(strings.TrimSuffix(c.Dest, "/"), s.features) && p > PhaseKernel
			if move {
				d.steps[PhaseKernel] = append(d.steps[PhaseKernel], s)
			}
			return move
		})
	}
	return changed
}

// updatesDir is where depmod takes modules from before it looks among the kernel's own, with the default configuration
// of all families (depmod.d(5): search).
const updatesDir = "updates"

// settleModules builds and places modules, and has depmod find them. changed are the features that put modules by
// themselves.
func (d *Draft) settleModules(changed []string, settings []moduleSettings) []error {
	kernel, errs := d.checkModuleKernels()
	if errs = append(errs, d.checkModulesOnce()...); len(errs) > 0 {
		return errs
	}
	features := changed
	var unsigned []drafted[askedModule]
	brought := d.broughtModules()
	for _, m := range brought {
		features = union(features, m.features)
		switch {
		case len(d.signing) == 0 || m.value.file.signed:
			d.putFor(m.features, PhaseKernel, Entry{Path: strings.Join([]string{modulesDir, kernel, updatesDir, m.value.Name + m.value.file.ext}, "/"), Mode: 0o644, Content: m.value.Content})
		case m.value.file.ext != ".ko":
			errs = append(errs, Errorf(m.features[0]+".Content", "is compressed, and is to be signed: give it as .ko, or with a signature"))
		default:
			unsigned = append(unsigned, m)
		}
	}
	if len(d.drivers)+len(brought) == 0 {
		for _, s := range d.signing {
			errs = append(errs, Errorf(s.features[0], "there is no module to sign: neither a Driver nor a KernelModule with Content"))
		}
	}
	made, err := d.moduleStages(kernel, unsigned)
	errs = append(errs, err...)
	for _, r := range d.drivers {
		features = union(features, r.features)
	}
	if len(features) == 0 || len(errs) > 0 {
		return errs
	}
	d.addFor(features, PhaseKernel, d.installModules(kernel, made, settings))
	return nil
}

// broughtModules are the KernelModules that have a file.
func (d *Draft) broughtModules() []drafted[askedModule] {
	return slices.DeleteFunc(slices.Clone(d.modules), func(m drafted[askedModule]) bool { return m.value.file == nil })
}

// checkModuleKernels finds the version of the kernel that all modules of the Spec are for; empty if there is none that
// says so.
func (d *Draft) checkModuleKernels() (string, []error) {
	if len(d.drivers)+len(d.broughtModules()) == 0 {
		return "", nil // nobody needs to know
	}
	kernel, err := d.imageKernel()
	var errs []error
	unknownTo := func(features []string, field string) {
		errs = append(errs, within(strings.TrimSuffix(features[0]+"."+field, "."), err)...)
	}
	if err != nil {
		for _, r := range d.drivers {
			unknownTo(r.features, "")
		}
	}
	for _, m := range d.broughtModules() {
		switch {
		case err != nil:
			unknownTo(m.features, "Content")
		case m.value.KABI && kernel == "":
			errs = append(errs, within(m.features[0]+".KABI", unknown("kernel", "Kernel"))...)
		default:
			if e := m.value.file.fits(kernel, d.base.Platform, m.value.KABI); e != nil {
				errs = append(errs, Errorf(m.features[0]+".Content", "%w", e))
			}
			if kernel == "" { // then all must be for the same one, which the image is asked for
				kernel = m.value.file.release()
			}
		}
	}
	return kernel, errs
}

// checkModulesOnce finds modules that are brought twice.
func (d *Draft) checkModulesOnce() []error {
	var errs []error
	by := map[string]string{}
	bring := func(name, feature, field string) {
		if other, ok := by[name]; ok {
			errs = append(errs, Errorf(feature+"."+field, "%s brings %s as well", other, name))
		}
		by[name] = feature
	}
	for _, r := range d.drivers {
		for i, name := range r.value.Modules {
			bring(underscored(name), r.features[0], indexed("Modules", i))
		}
	}
	for _, m := range d.broughtModules() {
		bring(m.value.Name, m.features[0], "Content")
	}
	return errs
}

// stageModules has what the stages made and nothing else: the history of the image has the digest of what a step mounts,
// and that of a stage with a compiler is another each time.
const stageModules = "bootloom-modules"

// moduleStages adds the stages that build and sign, and the one that has their modules. It says whether there are any.
func (d *Draft) moduleStages(kernel string, unsigned []drafted[askedModule]) (bool, []error) {
	var errs []error
	if len(d.drivers)+len(unsigned) == 0 {
		for _, h := range d.headers {
			errs = append(errs, Errorf(h.features[0], "no module is built or signed, so nothing needs headers"))
		}
		return false, errs
	}
	var signing *ModuleSigning
	var signers []string
	if len(d.signing) > 0 {
		signing, signers = &d.signing[0].value, d.signing[0].features
	}
	var all []string
	for _, r := range d.drivers {
		all = union(all, r.features)
	}
	for _, m := range unsigned {
		all = union(all, m.features)
	}
	errs = append(errs, d.headersStage(kernel, all)...)
	drivers := slices.SortedFunc(slices.Values(d.drivers), func(a, b drafted[Driver]) int { return strings.Compare(a.value.Name, b.value.Name) })
	modules := containerfile.Stage{Name: stageModules, From: "scratch"}
	take := func(stage string) {
		modules.Steps = append(modules.Steps, containerfile.Copy{From: stage, Sources: []string{madeDir + "/"}, Dest: "/"})
	}
	for _, r := range drivers {
		errs = append(errs, within(r.features[0], d.driverStage(r.value, signing, union(slices.Clone(r.features), signers)))...)
		take(r.value.stage())
	}
	if len(unsigned) > 0 {
		slices.SortFunc(unsigned, func(a, b drafted[askedModule]) int { return strings.Compare(a.value.Name, b.value.Name) })
		d.signedStage(unsigned, signing, union(slices.Clone(all), signers))
		take(stageSigned)
	}
	d.stages = append(d.stages, draftedStage{drafted: drafted[containerfile.Stage]{modules, all}})
	return true, errs
}

// installModules is the step that takes the modules that stages made, has depmod find all, and looks whether what
// KernelModules say of them can be done.
func (d *Draft) installModules(kernel string, made bool, settings []moduleSettings) containerfile.Run {
	lines := append([]string{"set -eu"}, oneKernel(kernel)...)
	var mounts []containerfile.Mount
	if made {
		mounts = []containerfile.Mount{{Type: "bind", From: stageModules, Source: "/", Target: "/run/" + stageModules}}
		lines = append(lines,
			"mkdir -p /usr/lib/modules/$k/"+updatesDir,
			"install -m 0644 -t /usr/lib/modules/$k/"+updatesDir+" /run/"+stageModules+"/*")
	}
	lines = append(lines, `depmod "$k"`)
	for _, s := range settings {
		if s.load || s.brought || len(s.options) > 0 {
			lines = append(lines, `if ! modinfo -k "$k" `+s.name+` >/dev/null; then echo "the kernel $k has no module `+s.name+`" >&2; exit 1; fi`)
		}
		for _, o := range s.options {
			key, _, _ := strings.Cut(o, "=")
			lines = append(lines, `if ! modinfo -k "$k" -p `+s.name+` | grep -q '^`+key+`:'; then echo "the module `+s.name+` has no parameter `+key+`" >&2; exit 1; fi`)
		}
	}
	run := containerfile.Script(strings.Join(lines, "\n") + "\n")
	run.Mounts = mounts
	return run
}
