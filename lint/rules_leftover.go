package lint

// leftoverRules are about what a build leaves in the image without meaning to.
var leftoverRules = []Rule{
	{
		ID: "BL204", Slug: "pkg-leftovers", Aliases: []string{"DL3009"}, Severity: Warning, Stages: InSpec | InContainerfile | InRoot | InLayers,
		Title: "caches and lists of the package tools",
		Rationale: `Every device downloads them, and none uses them. They make each build of the same sources another image, and the files that dnf links from
its cache can make the import of the next layer fail (BL119). "dnf clean all" empties the cache and leaves /var/lib/dnf and the
logs. Only the step that makes them can keep them out of the layer.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install tmux && dnf clean all
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install tmux && dnf clean all && rm -rf /var/log/* /var/cache/* /var/lib/{dnf,rhsm}
RUN --mount=type=cache,target=/var/lib/apt/lists --mount=type=cache,target=/var/cache/apt apt-get update && apt-get -y install tmux
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				if left, fix := leftByTool(f, c); len(left) > 0 {
					found(c.Finding("leaves %s in the layer", enumerate(left)).Unsure(Likely).Showing(c.Text).Fixed("in the same RUN: %s", fix))
				}
			}
			if !f.At(InRoot) {
				return
			}
			for _, l := range f.Layers {
				left := func(yield func(*File) bool) {
					for i := range l.Files {
						if file := &l.Files[i]; file.Derived() && file.IsRegular() && file.Size > 0 && leftover(file.Path) != "" && !yield(file) {
							return
						}
					}
				}
				for _, b := range bunches(left, func(file *File) string { return leftover(file.Path) }) {
					out := b.finding("is of no use on a device: %s", sizeOf(b.bytes))
					out.Path = b.dir
					if f.Root.File(b.first.Path) != b.first {
						out = b.first.Finding("is of no use on a device; a later step hides it, and every device downloads it all the same: %s", sizeOf(b.bytes))
						out.Path = b.dir
					}
					found(out.Fixed("in the step that makes it: rm -rf %s", b.dir))
				}
			}
		},
	},
	{
		ID: "BL206", Slug: "runtime-injected", Aliases: []string{"buildah-injected"}, Severity: Warning, Stages: InRoot,
		Title: "a file that the container runtime has left",
		Rationale: `Container runtimes mount their own /etc/hostname and /etc/resolv.conf over those of the image, and leave empty files where there were none. On a
device an empty resolv.conf means that no name is resolved, and an empty hostname that the device keeps the name of the
installer. /.dockerenv and /run/.containerenv make programs believe that they run in a container.`,
		URL: "https://github.com/bootc-dev/bootc/blob/main/crates/lib/src/lints.rs",
		Bad: `
-- layer 0 --
file /etc/resolv.conf
`,
		Good: `
-- layer 0 --
link /etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf
file /etc/hostname 0644 localhost
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.Glob("/etc/hostname", "/etc/resolv.conf") {
				if file.IsRegular() && file.Size == 0 && file.Derived() {
					found(file.Finding("is empty: a container runtime has made it, as a place to mount its own at").Fixed("rm it after the last RUN, or build with a tool that does not leave it"))
				}
			}
			for file := range f.Root.Glob("/.dockerenv", "/.containerenv", "/run/.containerenv") {
				if file.Derived() {
					found(file.Finding("makes programs believe that they run in a container").Fixed("rm %s after the last RUN", file.Path))
				}
			}
		},
	},
	{
		ID: "BL212", Slug: "layer-waste", Severity: Note, Stages: InLayers,
		Title: "a layer much of which later ones hide",
		Rationale: `What a later step deletes or replaces is still in the layer of the earlier one, and every device downloads it. On the links that edge devices
have, that is the time an update takes.`,
		URL: "https://docs.docker.com/build/building/best-practices/#minimize-the-number-of-layers",
		Bad: `
-- layer 0 --
file /usr/lib/base
-- layer 1:/usr/share/big --
the greater part
-- layer 2 --
whiteout /usr/share/big
-- linter.json --
{"BaseLayers": 1}
`,
		Good: `
-- layer 0:/usr/share/big --
of the base, which its users cannot mend
-- layer 1 --
whiteout /usr/share/big
file /usr/share/small
-- linter.json --
{"BaseLayers": 1}
`,
		Check: func(f *Facts, found func(Finding)) {
			if !f.BoundaryKnown() {
				return
			}
			wastes, total := hiddenFiles(f)
			for i, w := range wastes {
				if w.hidden > 10<<20 || w.hidden > total/50 {
					found(f.Layers[i].Finding("%s of %s are hidden by later layers, the largest of it %s", sizeOf(w.hidden), sizeOf(w.all), printable(w.largest.Path)).
						Fixed("do both in one RUN, or make the files in a stage of their own and copy what is needed"))
				}
			}
		},
	},
}

// waste is what a layer has, and how much of it later layers hide.
type waste struct {
	hidden, all int64
	largest     *File // of those that are hidden
}

// hiddenFiles sums up each layer, and what all above the base have together.
func hiddenFiles(f *Facts) (wastes []waste, total int64) {
	wastes = make([]waste, len(f.Layers))
	for n, l := range f.Layers {
		w := &wastes[n]
		if l.Base {
			continue
		}
		for i := range l.Files {
			file := &l.Files[i]
			if !file.IsRegular() || file.Whiteout() {
				continue
			}
			w.all += file.Size
			if f.Root.File(file.Path) == file {
				continue
			}
			if w.hidden += file.Size; w.largest == nil || file.Size > w.largest.Size {
				w.largest = file
			}
		}
		total += w.all
	}
	return wastes, total
}
