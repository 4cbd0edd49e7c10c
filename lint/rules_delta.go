package lint

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// deltaRules are notes on what an update changes, for who decides whether it goes out.
var deltaRules = []Rule{
	{
		ID: "BLU06", Slug: "unit-changes", Severity: Note, Stages: InUpgrade,
		Title: "units that start, or no longer start",
		Rationale: `What starts at boot is what an update changes most for the people who use a device. Links in /etc are merged: where somebody has enabled or disabled the
unit on a device, that stays.`,
		URL: "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- old layer 0 --
file /usr/lib/systemd/system/acme.service [Service]\n
-- layer 0 --
file /usr/lib/systemd/system/acme.service [Service]\n
link /etc/systemd/system/multi-user.target.wants/acme.service -> /usr/lib/systemd/system/acme.service
`,
		Good: `
-- old layer 0 --
file /usr/lib/systemd/system/acme.service [Service]\n
link /etc/systemd/system/multi-user.target.wants/acme.service -> /usr/lib/systemd/system/acme.service
-- layer 0 --
file /usr/lib/systemd/system/acme.service [Service]\nRestart=always\n
link /usr/lib/systemd/system/multi-user.target.wants/acme.service -> ../acme.service
`,
		Wants: unitWants(),
		Check: func(f *Facts, found func(Finding)) {
			was, is := f.Previous.unitStates(), f.unitStates()
			for _, name := range slices.Sorted(maps.Keys(is)) {
				if is[name].runs() && !was[name].runs() {
					found(is[name].finding("%s starts at boot, which it does not in the old image", printable(name)).Showing("starts " + name))
				}
			}
			for _, name := range slices.Sorted(maps.Keys(was)) {
				switch {
				case !was[name].runs() || is[name].runs():
				case !unitExists(f, name):
					found(f.Finding("%s is gone, which starts at boot in the old image", printable(name)).Showing("gone " + name))
				default:
					found(f.Finding("%s no longer starts at boot", printable(name)).Showing("stops " + name))
				}
			}
		},
	},
	{
		ID: "BLU07", Slug: "kargs-delta", Severity: Note, Stages: InUpgrade,
		Title: "kernel arguments that change",
		Rationale: `bootc compares the kernel arguments of the two images, and adds and removes the difference on the device; what somebody set there stays. An argument decides
whether a device boots: this is what will change.`,
		URL: "https://bootc.dev/bootc/building/kernel-arguments.html",
		Bad: `
-- old layer 0:/usr/lib/bootc/kargs.d/10-acme.toml --
kargs = ["quiet", "console=ttyS0"]
-- layer 0:/usr/lib/bootc/kargs.d/10-acme.toml --
kargs = ["quiet", "console=ttyS1"]
`,
		Good: `
-- old layer 0:/usr/lib/bootc/kargs.d/10-acme.toml --
kargs = ["quiet", "console=ttyS0"]
-- layer 0:/usr/lib/bootc/kargs.d/20-acme.toml --
kargs = ["console=ttyS0", "quiet"]
`,
		Wants: Reading(kargsDir + "/*"),
		Check: func(f *Facts, found func(Finding)) {
			was, is := kargsOf(f.Previous), kargsOf(f)
			for _, arg := range is {
				if !slices.ContainsFunc(was, func(k kargFrom) bool { return k.arg == arg.arg }) {
					found(arg.file.Finding("adds %s to the kernel's arguments", clip(arg.arg)).OnLine(lineOf(arg.file.Text(), arg.arg)).Showing("+" + arg.arg))
				}
			}
			if dir, _ := f.Root.Resolve(kargsDir); dir == nil {
				return // without the directory bootc leaves the arguments as they are
			}
			for _, arg := range was {
				if !slices.ContainsFunc(is, func(k kargFrom) bool { return k.arg == arg.arg }) {
					found(f.Finding("takes %s out of the kernel's arguments, which %s of the old image has", clip(arg.arg), printable(arg.file.Path)).Showing("-" + arg.arg))
				}
			}
		},
	},
	{
		ID: "BLU08", Slug: "kernel-downgrade", Severity: Note, Stages: InUpgrade,
		Title: "an older kernel",
		Rationale: `A kernel that is older than the one that runs may lack a driver or a fix that devices have come to need, and drivers that are built for the other do not load.
If it is a way back from a bad kernel, that is what it is for.`,
		URL: "https://bootc.dev/bootc/bootc-images.html",
		Bad: `
-- old layer 0 --
file /usr/lib/modules/6.12.10-100.el10/vmlinuz
-- layer 0 --
file /usr/lib/modules/6.12.9-200.el10/vmlinuz
`,
		Good: `
-- old layer 0 --
file /usr/lib/modules/6.12.9-100.el10/vmlinuz
-- layer 0 --
file /usr/lib/modules/6.12.10-1.el10/vmlinuz
`,
		Check: func(f *Facts, found func(Finding)) {
			is, was := kernels(f.Root), kernels(f.Previous.Root)
			if len(is) != 1 || len(was) != 1 {
				return
			}
			now, before := path.Base(is[0].Dir()), path.Base(was[0].Dir())
			if compareVersions(now, before) < 0 {
				found(is[0].Finding("the kernel is %s, and that of the old image is %s", printable(now), printable(before)))
			}
		},
	},
	{
		ID: "BLU10", Slug: "pull-size", Severity: Note, Stages: InUpgrade,
		Title:     "what devices have to download",
		Rationale: `A device fetches the layers that it does not have yet, compressed as they are in the registry. On the links that edge devices have, this number is the time and the price of an update.`,
		URL:       "https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md",
		Bad: `
-- old layer 0 --
file /usr/bin/a
-- layer 0 --
file /usr/bin/a
-- layer 1 --
file /usr/bin/b
`,
		Good: `
-- old layer 0 --
file /usr/bin/a
-- layer 0 --
file /usr/bin/a
`,
		Check: func(f *Facts, found func(Finding)) {
			has := map[string]bool{}
			for _, l := range f.Previous.Config.Manifest.Layers {
				has[l.Digest.String()] = true
			}
			var fresh, shared int64
			n := 0
			for _, l := range f.Config.Manifest.Layers {
				if has[l.Digest.String()] {
					shared += l.Size
				} else {
					fresh += l.Size
					n++
				}
			}
			if n > 0 {
				found(f.Finding("devices with the old image download %s of %s: %d of %d layers are new to them", sizeOf(fresh), sizeOf(fresh+shared), n, len(f.Config.Manifest.Layers)).Showing("download"))
			}
		},
	},
	{
		ID: "BLU11", Slug: "base-changed", Severity: Note, Stages: InUpgrade,
		Title:     "another base",
		Rationale: `The new image is made from another base than the old one: most of what changes comes with it, and most of the download.`,
		URL:       "https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md",
		Bad: `
-- old config.json --
{"config": {"Labels": {"org.opencontainers.image.base.digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}}}
-- config.json --
{"config": {"Labels": {"org.opencontainers.image.base.digest": "sha256:1111111111111111111111111111111111111111111111111111111111111111"}}}
`,
		Good: `
-- old config.json --
{"config": {"Labels": {"org.opencontainers.image.base.digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}}}
-- config.json --
{"config": {"Labels": {"org.opencontainers.image.base.digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}}}
`,
		Check: func(f *Facts, found func(Finding)) {
			base := func(f *Facts, name string) string {
				if v := f.Config.Annotations[name]; v != "" {
					return v
				}
				return f.Config.Labels[name].Value
			}
			was, is := base(f.Previous, v1.AnnotationBaseImageDigest), base(f, v1.AnnotationBaseImageDigest)
			if was != "" && is != "" && was != is {
				found(f.Finding("the base is %s, and was %s", clip(strings.TrimSpace(base(f, v1.AnnotationBaseImageName)+" "+is)), clip(strings.TrimSpace(base(f.Previous, v1.AnnotationBaseImageName)+" "+was))).Showing("base"))
			}
		},
	},
}

// kargFrom is a kernel argument and the file that has it.
type kargFrom struct {
	arg  string
	file *File
}

// kargsOf are the kernel arguments that hold for the image's architecture.
func kargsOf(f *Facts) []kargFrom {
	arch := ""
	if f.Config != nil {
		arch = cmp.Or(rustArchOf[f.Config.Platform.Architecture], f.Config.Platform.Architecture)
	}
	var out []kargFrom
	for file, text := range kargsFiles(f) {
		k, _, err := parseKargs(text)
		if err != nil || len(k.Arch) > 0 && arch != "" && !slices.Contains(k.Arch, arch) {
			continue
		}
		for _, arg := range k.Kargs {
			out = append(out, kargFrom{arg, file})
		}
	}
	return out
}

// compareVersions compares as package tools do: numbers as numbers, everything else as text, part by part.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		x, restA := versionPart(a)
		y, restB := versionPart(b)
		if c := comparePart(x, y); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return len(a) - len(b)
}

// versionPart cuts off the first number, or what stands before the next one.
func versionPart(s string) (part, rest string) {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	n := 1
	for n < len(s) && digit(s[n]) == digit(s[0]) {
		n++
	}
	return s[:n], s[n:]
}

func comparePart(a, b string) int {
	x, y := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if a[0] >= '0' && a[0] <= '9' && b[0] >= '0' && b[0] <= '9' && len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(a, b)
}
