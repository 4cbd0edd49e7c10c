package lint

import (
	"path"
	"slices"
	"strings"
)

// kernelRules are about the kernel.
var kernelRules = []Rule{
	{
		ID: "BL101", Slug: "kernel-missing", Severity: Error, Stages: InRoot,
		Title: "no kernel",
		Rationale: `A bootable image has its kernel at /usr/lib/modules/VERSION/vmlinuz, or a unified kernel image in /boot/EFI/Linux. Without one
nothing can be booted, and image-builder stops with "no valid kernel modules directory".`,
		URL: "https://bootc.dev/bootc/bootc-images.html",
		Bad: `
-- layer 0 --
dir /usr/lib/modules/6.12.0
file /usr/lib/modules/6.12.0/modules.dep
`,
		Good: `
-- layer 0 --
file /usr/lib/modules/6.12.0/vmlinuz
file /usr/lib/modules/6.12.0/initramfs.img
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Root.Whole && len(kernels(f.Root)) == 0 && !hasUKI(f.Root) {
				found(f.Finding("there is no kernel: neither /usr/lib/modules/VERSION/vmlinuz nor /boot/EFI/Linux/*.efi").
					Fixed("start FROM a bootc base image, or install the kernel package in the image"))
			}
		},
	},
	{
		ID: "BL102", Slug: "kernel-multiple", Aliases: []string{"kernel"}, Severity: Error, Stages: InContainerfile | InSpec | InRoot,
		Title: "more than one kernel",
		Rationale: `bootc boots the one kernel in /usr/lib/modules and refuses an image that has several. A second one comes with an update or another
package of the kernel; the old one has to go in the same step.`,
		URL: "https://bootc.dev/bootc/bootc-images.html",
		Bad: `
-- layer 0 --
file /usr/lib/modules/6.12.0/vmlinuz
file /usr/lib/modules/6.13.0/vmlinuz
`,
		Good: `
-- layer 0 --
file /usr/lib/modules/6.12.0/vmlinuz
file /usr/lib/modules/6.13.0/extra/only-modules.ko
`,
		Check: func(f *Facts, found func(Finding)) {
			if list := kernels(f.Root); len(list) > 1 {
				var names []string
				for _, k := range list {
					names = append(names, path.Base(k.Dir()))
				}
				found(list[len(list)-1].Finding("there are %d kernels, %s: bootc refuses the image", len(list), strings.Join(names, " and ")).
					Fixed("remove the others in the step that adds one: dnf -y remove kernel-core-%s, or rm -rf /usr/lib/modules/%s", names[0], names[0]))
			}
			for c := range f.Commands() {
				if name := kernelPackage(c); name != "" && !removesKernel(c.Step) {
					found(c.Finding("installs %s beside the kernel of the base: bootc refuses an image with two", name).As(Warning).Unsure(Likely).
						Fixed("in the same RUN remove the old one first: dnf -y remove kernel kernel-core kernel-modules").Showing(c.Text))
				}
			}
		},
	},
}

// kernelPackage is the package of a kernel that a command installs, "" if it installs none.
func kernelPackage(c *Command) string {
	if !c.Is("dnf", "dnf5", "yum", "microdnf", "rpm-ostree") || c.Verb() != "install" {
		return ""
	}
	for _, w := range c.Operands()[1:] {
		if name := w.Text; name == "kernel" || strings.HasPrefix(name, "kernel-core") || strings.HasPrefix(name, "kernel-rt") ||
			strings.HasPrefix(name, "kernel-64k") || name == "kernel-longterm" {
			return name
		}
	}
	return ""
}

// removesKernel says whether a RUN takes a kernel away as well.
func removesKernel(s *Step) bool {
	return slices.ContainsFunc(s.Commands, func(c *Command) bool {
		if c.Is("dnf", "dnf5", "yum", "microdnf", "rpm-ostree") && slices.Contains([]string{"remove", "erase", "swap", "override"}, c.Verb()) ||
			c.Is("rpm") && c.Has("-e", "--erase") {
			return strings.Contains(c.Text, "kernel")
		}
		return slices.ContainsFunc(c.Writes, func(w Write) bool { return w.Op == Remove && under(w.Path, "/usr/lib/modules") })
	})
}

// kernels are the directories of /usr/lib/modules that have a kernel.
func kernels(t *Tree) []*File {
	var out []*File
	for f := range t.Glob("/usr/lib/modules/*/vmlinuz") {
		out = append(out, f)
	}
	return out
}

// hasUKI says whether there is a unified kernel image, which has kernel and initramfs in one file.
func hasUKI(t *Tree) bool {
	for range t.Glob("/boot/EFI/Linux/*.efi") {
		return true
	}
	return false
}
