package bootc

import (
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Kernel replaces the kernel of the base: the packages of the new one are installed with those of Packages, those of the
// old one are removed in the same step with what they leave in /usr/lib/modules, and the initramfs is made. Drivers are
// built for the new one.
type Kernel struct {
	// Version of the new kernel, as uname -r shows it and as its directory in /usr/lib/modules is called:
	// "6.12.0-55.9.1.el10_0.x86_64+rt". The packages must bring just that.
	Version string
	// Packages to install, such as "kernel-rt-core-6.12.0-55.9.1.el10_0" and "kernel-rt-modules-6.12.0-55.9.1.el10_0", or
	// "linux-image-6.12.48+deb13-rt-amd64", and Files of packages that no repository serves; see Packages.
	Packages []string      `json:",omitzero"`
	Files    []PackageFile `json:",omitzero"`
}

var kernelVersion = lazyregexp.New(`^[0-9][A-Za-z0-9._+~-]*$`)

// Contribute joins the package transaction.
func (k Kernel) Contribute(d *Draft) error {
	tool, err := d.Tool()
	if err != nil {
		return err
	}
	var errs []error
	if !kernelVersion.MatchString(k.Version) {
		errs = append(errs, Errorf("Version", "%q is not the version of a kernel, such as 6.12.0-55.9.1.el10_0.x86_64", k.Version))
	}
	if len(k.Packages)+len(k.Files) == 0 {
		errs = append(errs, Errorf("Packages", "is empty, and so is Files: nothing brings the kernel"))
	}
	for i, name := range k.Packages {
		errs = append(errs, checkPackage(tool, indexed("Packages", i), name, false))
	}
	for i, f := range k.Files {
		errs = append(errs, within(indexed("Files", i), f.check(tool))...)
	}
	for _, other := range d.kernels {
		if other.value.Version != k.Version {
			errs = append(errs, Errorf("Version", "is %s, and %s wants the kernel %s", k.Version, other.features[0], other.value.Version))
		}
	}
	if err := join(errs); err != nil {
		return err
	}
	d.kernels = append(d.kernels, intend(d, k))
	d.packages = append(d.packages, intend(d, Packages{Install: k.Packages, Files: k.Files}))
	if d.base.Labels["ostree.linux"] != "" { // else the image would show the kernel of its base
		d.Label("ostree.linux", k.Version)
	}
	return nil
}

// imageKernel is the version of the kernel that the image has in the end, and empty where only a look into the image
// tells. The error is for a base that has no kernel, or several.
func (d *Draft) imageKernel() (string, error) {
	if len(d.kernels) > 0 {
		return d.kernels[0].value.Version, nil
	}
	if d.base.Kernel == "" && d.base.Files == nil {
		return "", nil
	}
	return d.base.kernel()
}

// checkBaseKernel refuses a base with several kernels, which only a Kernel feature could mend. It looks only where
// packages or the kernel's phase have a step, as looking may mean to download the base.
func (d *Draft) checkBaseKernel() []error {
	steps := len(d.packages) + len(d.drivers) + len(d.steps[PhaseKernel])
	if d.base.Kernel != "" || d.base.Files == nil || len(d.kernels) > 0 || steps == 0 {
		return nil
	}
	kernels, err := d.base.kernels()
	if err == nil && len(kernels) > 1 {
		return []error{Errorf("Base", "has the kernels %s, and bootc boots images with one: replace them with the feature Kernel", list(kernels))}
	}
	return nil
}

// swapKernel are the lines after the transaction that make the new kernel the only one. Debian's packages have the kernel
// in /boot, Fedora's beside its modules; their scripts may write more to /boot, which belongs to bootc.
func swapKernel(tool PackageTool, version string) []string {
	owner, remove := `rpm -qf --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n' "$old/vmlinuz"`, dnfCommand(tool)+" --setopt=protect_running_kernel=False --setopt=clean_requirements_on_remove=False remove"
	var lines []string
	if tool == APT {
		owner, remove = `dpkg-query -S "*/modules/${old##*/}/modules.builtin" | cut -d: -f1`, "apt-get -y purge"
		lines = []string{"if [ -e /boot/vmlinuz-" + version + " ]; then mv /boot/vmlinuz-" + version + " " + modulesDir + "/" + version + "/vmlinuz; fi"}
	}
	return append(lines,
		"for old in "+modulesDir+"/*; do",
		`  if [ "$old" = `+modulesDir+"/"+version+" ]; then continue; fi",
		"  if p=$("+owner+"); then "+remove+" $p; fi",
		`  rm -rf "$old"`,
		"done",
		"rm -rf /boot/vmlinuz-* /boot/initramfs-* /boot/initrd.img-* /boot/System.map-* /boot/config-* /boot/symvers-* /vmlinuz* /initrd.img*",
		"if [ ! -e "+modulesDir+"/"+version+"/vmlinuz ]; then",
		`  echo "the packages were to bring the kernel `+version+`, and brought: $(ls `+modulesDir+`)" >&2`,
		"  exit 1",
		"fi")
}

// watchKernel are the lines around a package transaction that keep the image bootable: it ends with one kernel, and if
// something that dracut copies has changed, with a new initramfs, unless that is made later.
func (d *Draft) watchKernel(tool PackageTool, with *access) {
	if len(d.kernels) > 0 {
		if tool == APT {
			with.before = append(with.before, "export INITRD=No") // keeps the kernel's package from calling dracut, which puts its work into /boot
		}
		with.changed = swapKernel(tool, d.kernels[0].value.Version)
	}
	with.changed = append(with.changed,
		"# bootc boots images with one kernel, and an initramfs that fits what is around it",
		`set -- $(ls -d /usr/lib/modules/*/vmlinuz /boot/vmlinuz-* 2>/dev/null | sed 's,/vmlinuz$,,; s,.*/,,; s,^vmlinuz-,,' | sort -u)`,
		"if [ $# -gt 1 ]; then",
		`  echo "the packages brought a second kernel, and bootc boots images with one: $*; see NoWeakDeps, Remove and the feature Kernel" >&2`,
		"  exit 1",
		"fi")
	if d.rebuilt {
		return
	}
	with.before = append(with.before,
		"# what an initramfs is made of",
		"sources() {",
		"  find "+strings.Join(inInitramfs, " ")+" /usr/lib/modules/*/vmlinuz \\",
		`    ! -type d -printf '%p %s %T@\n' 2>/dev/null | sort`,
		"}",
		"before=$(sources)")
	with.changed = append(with.changed, `if [ $# = 1 ] && [ "$before" != "$(sources)" ]; then`, "  k=$1")
	for _, l := range rebuildInitramfs(nil, nil, nil) {
		with.changed = append(with.changed, "  "+l)
	}
	with.changed = append(with.changed, "fi")
}
