package lint

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// bootRules are about what must be there for an image to boot.
var bootRules = []Rule{
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
