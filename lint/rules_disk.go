package lint

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// diskRules are about what disk images and updates need of an image.
var diskRules = []Rule{
	{
		ID: "BL120", Slug: "os-release-incomplete", Severity: Error, Stages: InRoot, Profiles: []Profile{Disk},
		Title:     "os-release does not say what the system is",
		Rationale: `image-builder takes ID, VERSION_ID and NAME from os-release, and stops without them. Boot menus and inventories show them.`,
		URL:       "https://www.freedesktop.org/software/systemd/man/latest/os-release.html",
		Bad: `
-- layer 0:/usr/lib/os-release --
NAME=Acme
`,
		Good: `
-- layer 0:/usr/lib/os-release --
ID=acme
VERSION_ID="1.4"
NAME="Acme OS"
-- layer 0 --
link /etc/os-release -> ../usr/lib/os-release
`,
		Wants: Reading("/etc/os-release", "/usr/lib/os-release"),
		Check: func(f *Facts, found func(Finding)) {
			file, _ := f.Root.Resolve("/etc/os-release")
			if file == nil {
				file, _ = f.Root.Resolve("/usr/lib/os-release")
			}
			if file == nil {
				if f.Root.Missing("/usr/lib/os-release") {
					found(f.Finding("there is neither /etc/os-release nor /usr/lib/os-release").Fixed("restore the file of the base"))
				}
				return
			}
			text, ok := file.Content()
			if !ok {
				return
			}
			values := bootc.ParseOSRelease(text)
			var missing []string
			for _, key := range []string{"ID", "VERSION_ID", "NAME"} {
				if values[key] == "" {
					missing = append(missing, key)
				}
			}
			if len(missing) > 0 {
				found(file.Finding("lacks %s", strings.Join(missing, ", ")).Fixed("add the lines %s=…", strings.Join(missing, "=…, ")))
			}
		},
	},
	{
		ID: "BL121", Slug: "bootloader-payload", Severity: Warning, Stages: InRoot, Profiles: []Profile{Disk},
		Title: "no boot loader to install",
		Rationale: `bootc installs GRUB by bootupd, from what the image has in /usr/lib/bootupd/updates. Without it an installation stops, unless the install
configuration names another boot loader.`,
		URL: "https://bootc.dev/bootc/bootloaders.html",
		Bad: `
-- layer 0 --
use bootable
`,
		Good: `
-- layer 0 --
file /usr/bin/bootupctl 0755
file /usr/lib/bootupd/updates/EFI.json
`,
		Wants: Reading(installGlobs...),
		Check: func(f *Facts, found func(Finding)) {
			for _, c := range installFiles(f) {
				if b := c.Install.Bootloader; b == "none" || b == "systemd" {
					return
				}
			}
			if f.Root.Missing("/usr/bin/bootupctl") || f.Root.Missing("/usr/lib/bootupd/updates") && !hasBelow(f.Root, "/usr/lib/bootupd/updates") {
				if !hasUKI(f.Root) {
					found(f.Finding("bootupd or what it installs is missing: neither /usr/bin/bootupctl nor /usr/lib/bootupd/updates may be").
						Fixed(`install bootupd, or set bootloader = "none" or "systemd" in /usr/lib/bootc/install/*.toml`))
				}
			}
		},
	},
	{
		ID: "BL122", Slug: "runtime-deps", Severity: Warning, Stages: InRoot,
		Title:     "a program that bootc runs is missing",
		Rationale: `bootc runs podman, skopeo and ostree. An image without them is installed, and then cannot be updated.`,
		URL:       "https://github.com/bootc-dev/bootc/pull/2386",
		Bad: `
-- layer 0 --
file /usr/bin/bootc 0755
file /usr/bin/ostree 0755
`,
		Good: `
-- layer 0 --
file /usr/bin/bootc 0755
file /usr/bin/ostree 0755
file /usr/bin/podman 0755
file /usr/bin/skopeo 0755
`,
		Check: func(f *Facts, found func(Finding)) {
			if !f.Root.Whole {
				return
			}
			var missing []string
			for _, name := range []string{"bootc", "ostree", "podman", "skopeo"} {
				if !slices.ContainsFunc([]string{"/usr/bin/", "/usr/sbin/", "/bin/", "/usr/local/bin/"}, func(dir string) bool { return f.Root.File(dir+name) != nil }) {
					missing = append(missing, name)
				}
			}
			if len(missing) > 0 {
				found(f.Finding("%s missing from /usr/bin: the device cannot be updated with bootc", list(missing)).Fixed("install %s", strings.Join(missing, " ")))
			}
		},
	},
}

func hasBelow(t *Tree, dir string) bool {
	for range t.Below(dir) {
		return true
	}
	return false
}

// list says "a is", "a and b are".
func list(s []string) string {
	if len(s) == 1 {
		return s[0] + " is"
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1] + " are"
}
