package lint

import (
	"cmp"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// upgradeRules are about what becomes of a device that runs one image when it gets another.
var upgradeRules = []Rule{
	{
		ID: "BLU01", Slug: "etc-type-change", Severity: Error, Stages: InUpgrade,
		Title: "a file of /etc that becomes a directory, or the reverse",
		Rationale: `With an update bootc merges the /etc of the device into that of the new image. A file that somebody has changed on the device cannot take the place of a
directory, nor the reverse: the update fails there, and only on the devices where it was changed.`,
		URL: "https://ostreedev.github.io/ostree/atomic-upgrades/",
		Bad: `
-- old layer 0 --
file /etc/acme.conf
-- layer 0 --
file /etc/acme.conf/10-default.conf
`,
		Good: `
-- old layer 0 --
file /etc/acme.conf
-- layer 0 --
file /etc/acme.conf changed
file /etc/acme.conf.d/10-default.conf
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.Below("/etc") {
				old := f.Previous.Root.File(file.Path)
				if old == nil || old.IsDir() == file.IsDir() {
					continue
				}
				was, is := "file", "directory"
				if old.IsDir() {
					was, is = is, was
				}
				found(file.Finding("was a %s in the old image and is a %s: where it was changed on a device, the update fails", was, is).Fixed("give the new %s another name", is))
			}
		},
	},
	{
		ID: "BLU02", Slug: "id-renumber", Severity: Error, Stages: InUpgrade,
		Title: "an account that gets another number",
		Rationale: `What the account owns in /var and /etc of a device has the old number, and the device keeps its own /etc/passwd where that was changed: the service can no
longer read its data, or somebody else can.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- old layer 0:/etc/passwd --
acme:x:960:960::/var/lib/acme:/usr/sbin/nologin
-- layer 0:/etc/passwd --
acme:x:961:960::/var/lib/acme:/usr/sbin/nologin
`,
		Good: `
-- old layer 0:/etc/passwd --
acme:x:960:960::/var/lib/acme:/usr/sbin/nologin
-- layer 0:/etc/passwd --
acme:x:960:960:Acme:/var/lib/acme:/bin/sh
new:x:961:961::/:/usr/sbin/nologin
`,
		Wants: accountWants(),
		Check: func(f *Facts, found func(Finding)) {
			for _, name := range []string{passwdFile, groupFile, "/usr/lib/passwd", "/usr/lib/group"} {
				was := map[string]account{}
				for _, a := range f.Previous.accountsIn(name) {
					was[a.name] = a
				}
				for _, a := range f.accountsIn(name) {
					if old := was[a.name]; old.name != "" && old.field(2) != a.field(2) {
						found(f.Root.File(name).Finding("%s was %s and is %s: on devices its files belong to somebody else", printable(a.name), printable(old.field(2)), printable(a.field(2))).
							OnLine(a.line).Showing(a.name).Fixed("keep the number, by a line in /usr/lib/sysusers.d: u %s %s", printable(a.name), printable(old.field(2))))
					}
				}
			}
		},
	},
	{
		ID: "BLU03", Slug: "var-change-ignored", Severity: Warning, Stages: InUpgrade,
		Title:     "a change in /var that does not arrive",
		Rationale: `/var is filled from the image when a device is installed, and never again. What is new or other there in this image, devices that are updated do not get.`,
		URL:       "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- old layer 0 --
file /var/lib/acme/model one
-- layer 0 --
file /var/lib/acme/model two
`,
		Good: `
-- old layer 0 --
file /var/lib/acme/model one
file /var/lib/acme/gone
-- layer 0 --
file /var/lib/acme/model one
file /var/cache/acme/x
`,
		Wants: []Want{{Glob: "/var/**", Digest: true}},
		Check: func(f *Facts, found func(Finding)) {
			changed := func(yield func(*File) bool) {
				for file := range f.Root.Below("/var") {
					old := f.Previous.Root.File(file.Path)
					same := old != nil && old.IsRegular() && old.Digest() == file.Digest() && old.Size == file.Size
					quiet := slices.ContainsFunc([]string{"/var/cache", "/var/log", "/var/tmp", "/var/run"}, func(d string) bool { return under(file.Path, d) }) || leftover(file.Path) != ""
					if file.IsRegular() && !same && !quiet && !yield(file) {
						return
					}
				}
			}
			for _, b := range bunches(changed, func(file *File) string { return owner(file.Path) }) {
				found(b.finding("is not in the old image so: a device that is updated does not get it, %s", sizeOf(b.bytes)).
					Fixed("put it into /usr/share, and have tmpfiles.d copy it (C) or the program read it there"))
			}
		},
	},
	{
		ID: "BLU04", Slug: "verity-enable", Severity: Error, Stages: InUpgrade,
		Title: "fs-verity that an update turns on",
		Rationale: `The files that a device has from older images are without fs-verity, and are shared by the new deployment. With composefs enabled = verity or signed the
initramfs refuses them, and the device does not boot. It needs a new installation.`,
		URL: "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- old layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = yes
-- layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = verity
`,
		Good: `
-- old layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = verity
-- layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = signed
`,
		Wants: Reading(prepareRoot...),
		Check: func(f *Facts, found func(Finding)) {
			conf, is, ok := readPrepareRoot(f, "")
			_, was, had := readPrepareRoot(f.Previous, "")
			verity := func(s string) bool { return s == "verity" || s == "signed" }
			if now := is.get("composefs", "enabled"); ok && had && verity(now) && !verity(was.get("composefs", "enabled")) {
				found(conf.Finding("composefs is to be %s, and what devices have from the old image is without fs-verity: they do not boot", now).
					OnLine(is.line("composefs", "enabled")).Fixed("keep enabled = yes for devices in the field, and install new ones with another image"))
			}
		},
	},
	{
		ID: "BLU05", Slug: "setuid-drift-upgrade", Severity: Warning, Stages: InUpgrade,
		Title: "a program that gives its user more rights than in the old image",
		Rationale: `A new program with the setuid bit or capabilities, or one that had neither before, is a new way to become root on all devices. Somebody should have wanted
it.`,
		URL: "https://man7.org/linux/man-pages/man7/capabilities.7.html",
		Bad: `
-- old layer 0 --
file /usr/bin/helper 0755
-- layer 0 --
file /usr/bin/helper 4755
`,
		Good: `
-- old layer 0 --
file /usr/bin/helper 4755
file /usr/bin/other 4755
-- layer 0 --
file /usr/bin/helper 4755 new
file /usr/bin/other 0755
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.All() {
				bits, capability := privileges(file)
				if bits == 0 && capability == "" {
					continue
				}
				old := f.Previous.Root.File(file.Path)
				var had fs.FileMode
				hadCapability := ""
				if old != nil {
					had, hadCapability = privileges(old)
				}
				if bits&^had != 0 || capability != hadCapability {
					found(file.Finding("mode %04o: gives more rights than in the old image", unixMode(file.Mode)).Fixed("if it is wanted, accept it with a reason"))
				}
			}
		},
	},
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
		ID: "BLU09", Slug: "policy-locks-out-next", Severity: Error, Stages: InUpgrade,
		Title: "a policy by which the device takes no further update",
		Rationale: `The new image's policy.json is what the device judges the update after it by. If it rejects the repository, or knows none of the keys that sign it, this update
is the last one. When a key is replaced, one image must have both, until all devices have it.`,
		URL: "https://github.com/containers/image/blob/main/docs/containers-policy.json.5.md",
		Bad: `
-- linter.json --
{"update": {"ref": "quay.io/acme/edge-os"}}
-- old layer 0:/etc/containers/policy.json --
{"default": [{"type": "insecureAcceptAnything"}]}
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "reject"}]}
`,
		Good: `
-- linter.json --
{"update": {"ref": "quay.io/acme/edge-os"}}
-- old layer 0:/etc/containers/policy.json --
{"default": [{"type": "reject"}]}
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "insecureAcceptAnything"}]}
`,
		Wants: trustWants(),
		Check: locksOut,
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

// locksOut judges the policy of the new image by what signs updates, or by the keys of the old one.
func locksOut(f *Facts, found func(Finding)) {
	t := f.trust()
	if t.file == nil || t.err != nil {
		return
	}
	if ref := f.Update.Ref; ref != "" {
		list, scope := t.policy.forImage(ref)
		why := ""
		switch {
		case rejects(list):
			why = "rejects it"
		case len(f.Update.Keys) > 0 && f.unfitKey(list, f.Update.Keys) != "":
			why = "knows none of the keys that sign it"
		}
		if why != "" {
			found(t.file.Finding("this is the last update from %s that devices take: scope %s %s", ref, scope, why).OnLine(t.lineOf(scope)).Showing(ref).
				Fixed("keep the old key beside the new one (keyPaths) until all devices have this image"))
		}
		return
	}
	old := f.Previous.trust()
	if old.file == nil || old.err != nil {
		return
	}
	for scope, list := range t.scopes {
		before, had := old.policy.Transports["docker"][scope]
		if !had {
			continue
		}
		var keys []string
		for _, r := range before {
			for _, name := range r.keys() {
				if file := f.Previous.policyKey(name); file != nil {
					keys = append(keys, file.Text())
				}
			}
		}
		if len(keys) > 0 && f.unfitKey(list, keys) != "" {
			found(t.file.Finding("images of %s that are signed with the key of the old image are refused: the new one has none of its keys", scope).As(Warning).OnLine(t.lineOf(scope)).Showing(scope).
				Fixed("keep the old key beside the new one (keyPaths) until nothing that is signed with it is needed"))
		}
	}
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
