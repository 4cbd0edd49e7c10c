package lint

import (
	"path"
	"slices"
	"strings"
)

// baseImage is where base images keep a copy of the layout that they were made from. bootc's lint looks at it as well.
const baseImage = "/usr/share/doc/bootc/baseimage/base"

// layoutRules are about the directories that a bootable system needs, and those it must not have.
var layoutRules = []Rule{
	{
		ID: "BL113", Slug: "base-layout", Aliases: []string{"baseimage-root"}, Severity: Error, Stages: InRoot,
		Title: "the root lacks what ostree mounts and links",
		Rationale: `At boot the physical root is mounted at /sysroot, and programs find the ostree repository by the link /ostree. An image without the
directory does not boot; one without the link works with some programs and not with others.`,
		URL: "https://bootc.dev/bootc/bootc-images.html",
		Bad: `
-- layer 0 --
dir /usr
`,
		Good: `
-- layer 0 --
dir /sysroot
link /ostree -> sysroot/ostree
`,
		Check: func(f *Facts, found func(Finding)) {
			baseLayout(f, "", found)
			if f.Root.File(baseImage) != nil {
				baseLayout(f, baseImage, found)
			}
		},
	},
	{
		ID: "BL114", Slug: "api-dirs", Aliases: []string{"api-base-directories"}, Severity: Error, Stages: InRoot,
		Title:     "a directory is missing that systemd mounts something on",
		Rationale: `The root is read-only, so that /dev, /proc, /sys, /run, /tmp and /var must be there before anything can be mounted on them.`,
		URL:       "https://systemd.io/API_FILE_SYSTEMS/",
		Bad: `
-- layer 0 --
dir /dev
dir /proc
dir /sys
dir /run
dir /tmp
file /var
`,
		Good: `
-- layer 0 --
use bootable
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, dir := range []string{"/dev", "/proc", "/sys", "/run", "/tmp", "/var"} {
				d := f.Root.File(dir)
				switch {
				case f.Root.Missing(dir):
					found(f.Finding("%s is missing: nothing can be mounted there", dir).Fixed("RUN mkdir %s", dir))
				case d != nil && !d.IsDir():
					found(d.Finding("is no directory: nothing can be mounted there").Fixed("RUN rm %s && mkdir %s", dir, dir))
				}
			}
		},
	},
	{
		ID: "BL115", Slug: "usr-etc", Aliases: []string{"etc-usretc"}, Severity: Error, Stages: InSpec | InContainerfile | InRoot | InLayers,
		Title: "content in /usr/etc",
		Rationale: `/usr/etc is where ostree keeps the image's /etc. What an image has there itself meets what ostree puts there, with results that nobody has
defined; a symbolic link into it makes the import fail ("Can't replace directory with file").`,
		URL: "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- layer 0 --
dir /etc
file /usr/etc/acme.conf
`,
		Good: `
-- layer 0 --
file /etc/acme.conf
link /etc/other.conf -> /usr/lib/acme/other.conf
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Root.File("/etc") != nil || !f.Root.Whole {
				if d := f.Root.File("/usr/etc"); d != nil {
					found(d.Finding("is ostree's own copy of /etc, and must not be in an image").Fixed("put the files into /etc, or what is static into /usr/lib"))
				} else {
					for file := range f.Root.Below("/usr/etc") { // a layer or step need not have the directory itself
						found(file.Finding("/usr/etc is ostree's own copy of /etc, and must not be in an image").
							Fixed("put it at %s", strings.TrimPrefix(file.Path, "/usr")))
						break
					}
				}
			}
			for _, l := range f.Layers {
				for i := range l.Files {
					link := &l.Files[i]
					if link.IsLink() && under(textTarget(link), "/usr/etc") && link.Derived() {
						found(link.Finding("is a link to %s in /usr/etc: the image cannot be imported", printable(link.Link)).
							Fixed("link to the file in /etc, or move it to /usr/lib"))
					}
				}
			}
		},
	},
	{
		ID: "BL116", Slug: "var-run-dir", Aliases: []string{"var-run"}, Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title:     "/var/run is a directory of its own",
		Rationale: `/var/run is a link to /run since long, and programs use either name for the same files. Where it is a directory they miss each other.`,
		URL:       "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- layer 0 --
dir /var/run/acme
`,
		Good: `
-- layer 0 --
link /var/run -> ../run
`,
		Check: func(f *Facts, found func(Finding)) {
			if d := f.Root.File("/var/run"); d != nil && !d.IsLink() {
				found(d.Finding("is no link to /run: programs that use the one name do not find what others put under the other").
					Fixed("RUN rm -rf /var/run && ln -s ../run /var/run"))
			}
		},
	},
	{
		ID: "BL124", Slug: "boot-not-empty", Aliases: []string{"nonempty-boot"}, Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "content in /boot",
		Rationale: `On a device /boot is another file system, which is mounted over what the image has there. Kernels belong into /usr/lib/modules; only unified
kernel images (/boot/EFI/Linux) and boot loaders that bootc installs are read from the image.`,
		URL: "https://bootc.dev/bootc/bootc-images.html",
		Bad: `
-- layer 0 --
dir /boot
file /boot/vmlinuz-6.12.0
`,
		Good: `
-- layer 0 --
file /boot/EFI/Linux/6.12.0.efi
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Root.Missing("/boot") {
				found(f.Finding("/boot is missing: nothing can be mounted there").Fixed("RUN mkdir /boot"))
			}
			for file := range f.Root.Below("/boot") {
				if strayBoot(f.Root, file) {
					found(file.Finding("is hidden on a device, where another file system is mounted at /boot").
						Fixed("rm -rf %s, or move a kernel to /usr/lib/modules/VERSION/vmlinuz", printable(file.Path)))
				}
			}
		},
	},
}

// textTarget is where a symbolic link points, by its text alone.
func textTarget(link *File) string {
	if path.IsAbs(link.Link) {
		return path.Clean(link.Link)
	}
	return path.Join(link.Dir(), link.Link)
}

// strayBoot says whether a file is one that does not belong into /boot, and the first one on its path.
func strayBoot(t *Tree, file *File) bool {
	rest := strings.TrimPrefix(file.Path, "/boot/")
	parts := strings.Split(rest, "/")
	stray := func(n int) bool { // the first n elements
		switch {
		case n == 1:
			return parts[0] != "EFI"
		case n == 2:
			return !slices.Contains([]string{"Linux", "BOOT", "systemd"}, parts[1])
		case n == 3 && parts[1] == "Linux":
			return path.Ext(parts[2]) != ".efi"
		}
		return false
	}
	for n := 1; n < len(parts); n++ {
		if stray(n) && t.File("/boot/"+strings.Join(parts[:n], "/")) != nil {
			return false // the directory above has been named
		}
	}
	for n := 1; n <= len(parts); n++ {
		if stray(n) {
			return true
		}
	}
	return false
}

func baseLayout(f *Facts, root string, found func(Finding)) {
	if d := f.Root.File(root + "/sysroot"); f.Root.Missing(root + "/sysroot") {
		found(f.Finding("%s/sysroot is missing: the device cannot mount its disk there", root).Fixed("RUN mkdir %s/sysroot", root))
	} else if d != nil && !d.IsDir() {
		found(d.Finding("is no directory: the device cannot mount its disk there"))
	}
	link := f.Root.File(root + "/ostree")
	switch {
	case f.Root.Missing(root + "/ostree"):
		found(f.Finding("the link %s/ostree to sysroot/ostree is missing", root).As(Warning).Fixed("RUN ln -s sysroot/ostree %s/ostree", root))
	case link == nil:
	case !link.IsLink() || link.Link != "sysroot/ostree":
		found(link.Finding("is no link to sysroot/ostree").As(Warning).Fixed("RUN rm -rf %s/ostree && ln -s sysroot/ostree %s/ostree", root, root))
	}
}
