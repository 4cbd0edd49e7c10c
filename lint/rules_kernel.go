package lint

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// kernelRules are about the kernel and its initramfs.
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
	{
		ID: "BL103", Slug: "initramfs-missing", Severity: Error, Stages: InRoot,
		Title: "a kernel without an initramfs",
		Rationale: `The boot entry of an image is its kernel with initramfs.img from the same directory. Without it the device boots into nothing: the root
file system of a bootc system is put together by the initramfs.`,
		URL: "https://bootc.dev/bootc/bootc-images.html",
		Bad: `
-- layer 0 --
file /usr/lib/modules/6.12.0/vmlinuz
`,
		Good: `
-- layer 0 --
file /usr/lib/modules/6.12.0/vmlinuz
file /usr/lib/modules/6.12.0/initramfs.img
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, k := range kernels(f.Root) {
				if f.Root.Missing(path.Join(k.Dir(), "initramfs.img")) && !hasUKI(f.Root) && f.Root.Missing(path.Join(k.Dir(), "aboot.img")) {
					version := path.Base(k.Dir())
					found(k.Finding("there is no initramfs.img beside it: the device cannot mount its root").
						Fixed("RUN dracut --force --no-hostonly --reproducible --add ostree /usr/lib/modules/%s/initramfs.img %s", version, version))
				}
			}
		},
	},
	{
		ID: "BL104", Slug: "initramfs-stale", Severity: Warning, Stages: InLayers,
		Title: "the initramfs is older than what it is made from",
		Rationale: `prepare-root.conf, dracut's config and kernel modules are read from the initramfs when the system boots, not from the root file
system. A layer that changes them without making the initramfs anew changes nothing on a device.`,
		URL: "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- layer 0 --
file /usr/lib/modules/6.12.0/vmlinuz
file /usr/lib/modules/6.12.0/initramfs.img
-- layer 1:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = yes
`,
		Good: `
-- layer 0 --
file /usr/lib/modules/6.12.0/vmlinuz
file /usr/lib/modules/6.12.0/initramfs.img old
-- layer 1:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = yes
-- layer 2 --
file /usr/lib/modules/6.12.0/initramfs.img new
`,
		Wants: []Want{
			{Glob: "/usr/lib/ostree/prepare-root.conf", Digest: true},
			{Glob: "/etc/ostree/prepare-root.conf", Digest: true},
			{Glob: "/usr/lib/dracut/**", Digest: true},
			{Glob: "/etc/dracut.conf.d/*", Digest: true},
			{Glob: "/usr/lib/modules/*/**", Digest: true, Derived: true},
		},
		Check: initramfsStale,
	},
	{
		ID: "BL125", Slug: "dracut-modules", Severity: Note, Stages: InRoot,
		Title: "an initramfs made without dracut being told of ostree",
		Rationale: `The initramfs of a bootc system needs dracut's module ostree (or bootc, for the composefs backend), which finds and mounts the root.
dracut takes it in by itself only where it runs on such a system; in a build it has to be told by a file in dracut.conf.d.`,
		URL: "https://bootc.dev/bootc/bootc-images.html",
		Bad: `
-- linter.json --
{"BaseLayers": 1}
-- layer 0 --
file /usr/lib/modules/6.12.0/vmlinuz
file /usr/lib/modules/6.12.0/initramfs.img old
-- layer 1 --
file /usr/lib/modules/6.12.0/initramfs.img new
`,
		Good: `
-- linter.json --
{"BaseLayers": 1}
-- layer 0 --
file /usr/lib/modules/6.12.0/vmlinuz
file /usr/lib/modules/6.12.0/initramfs.img old
file /usr/lib/dracut/dracut.conf.d/10-base.conf add_dracutmodules+="\x20ostree\x20"
-- layer 1 --
file /usr/lib/modules/6.12.0/initramfs.img new
`,
		Wants: Reading("/usr/lib/dracut/dracut.conf.d/*", "/etc/dracut.conf.d/*", "/etc/dracut.conf"),
		Check: func(f *Facts, found func(Finding)) {
			if !f.BoundaryKnown() {
				return
			}
			for c := range f.Files("/usr/lib/dracut/dracut.conf.d/*", "/etc/dracut.conf.d/*", "/etc/dracut.conf") {
				if text := string(c.Part()); strings.Contains(text, "ostree") || strings.Contains(text, "bootc") {
					return
				}
			}
			for _, k := range kernels(f.Root) {
				if image := f.Root.File(path.Join(k.Dir(), "initramfs.img")); image != nil && image.Derived() {
					found(image.Finding("was made anew, and no file in dracut.conf.d asks for the module ostree or bootc: without it the device cannot mount its root").
						Unsure(Possible).FixedBy("/usr/lib/dracut/dracut.conf.d/10-bootc.conf", "add_dracutmodules+=\" ostree \"\n", "add the file before dracut runs"))
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

// initramfsStale looks for files above the layer of the initramfs. A rewrite with the same content does not count.
func initramfsStale(f *Facts, found func(Finding)) {
	for _, k := range kernels(f.Root) {
		image := f.Root.File(path.Join(k.Dir(), "initramfs.img"))
		if image == nil || image.Layer == nil {
			continue
		}
		first := map[*Layer]*File{}
		for in := range f.Files("/usr/lib/ostree/prepare-root.conf", "/etc/ostree/prepare-root.conf", "/usr/lib/dracut/**",
			"/etc/dracut.conf.d/*", k.Dir()+"/**") {
			module := under(in.Path, k.Dir())
			if !in.IsRegular() || in.Layer.Index <= image.Layer.Index || module && !strings.Contains(in.Name(), ".ko") ||
				sameBelow(f, in, image.Layer.Index) {
				continue
			}
			if first[in.Layer] == nil {
				first[in.Layer] = in
			}
		}
		for _, l := range slices.SortedFunc(maps.Keys(first), func(a, b *Layer) int { return a.Index - b.Index }) {
			in := first[l]
			found(in.Finding("%s is from layer %d and does not know this file of layer %d: it is not in effect when the system boots",
				image.Path, image.Layer.Index, l.Index).
				Fixed("make the initramfs anew after it: dracut --force %s %s", image.Path, path.Base(k.Dir())))
		}
	}
}

// sameBelow says whether the topmost entry for the file in layers up to n has the same content.
func sameBelow(f *Facts, file *File, n int) bool {
	for i := n; i >= 0; i-- {
		if old := f.Layers[i].File(file.Path); old != nil {
			return old.Digest() != "" && old.Digest() == file.Digest()
		}
		if f.Layers[i].Hides(file.Path) {
			return false
		}
	}
	return false
}
