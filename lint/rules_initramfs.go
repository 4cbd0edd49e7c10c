package lint

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// initramfsRules are about the initramfs, which puts the root of a device together.
var initramfsRules = []Rule{
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
		Rationale: `prepare-root.conf, dracut's config and the kernel's own modules are read from the initramfs when the system boots, not from the root file
system. A layer that changes them without making the initramfs anew changes nothing on a device. Drivers from elsewhere, in updates/ and extra/
of the kernel's modules, are loaded from the root file system, and are left out.`,
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
-- layer 3 --
file /usr/lib/modules/6.12.0/extra/acme/acme.ko.xz
file /usr/lib/modules/6.12.0/updates/dkms/nvidia.ko
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
			if !in.IsRegular() || in.Layer.Index <= image.Layer.Index || module && (!strings.Contains(in.Name(), ".ko") || isAddedModule(in, k.Dir())) ||
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

// isAddedModule says whether a module lies where those go that are not the kernel's own (depmod.d(5), modules_install of
// https://docs.kernel.org/kbuild/modules.html), from where the system loads them after the initramfs.
func isAddedModule(f *File, kernelDir string) bool {
	return under(f.Path, kernelDir+"/updates") || under(f.Path, kernelDir+"/extra")
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
