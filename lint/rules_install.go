package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// installGlobs are the files that "bootc install" merges; a later directory wins over an earlier one, and in all of them
// together the later name.
var installGlobs = []string{"/usr/lib/bootc/install/*.toml", "/usr/local/lib/bootc/install/*.toml", "/etc/bootc/install/*.toml"}

// installRules are about the defaults of an installation that come with the image.
var installRules = []Rule{
	{
		ID: "BL109", Slug: "install-config-invalid", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "an install configuration that bootc refuses",
		Rationale: `"bootc install" and disk image builders read /usr/lib/bootc/install/*.toml and those in /etc, and stop at a key they do not know or a value of
the wrong kind. All keys are in the table install and have hyphens; match_architectures, which a manual page names, is refused.`,
		URL: "https://github.com/bootc-dev/bootc/blob/main/crates/lib/src/install/config.rs",
		Bad: `
-- layer 0:/usr/lib/bootc/install/10-acme.toml --
[install]
root-fs-type = "xfs"
match_architectures = ["x86_64"]
`,
		Good: `
-- layer 0:/usr/lib/bootc/install/10-acme.toml --
[install]
match-architectures = ["x86_64"]
kargs = ["quiet"]
[install.filesystem.root]
type = "xfs"
`,
		Wants: Reading(installGlobs...),
		Check: func(f *Facts, found func(Finding)) {
			for _, c := range installFiles(f) {
				if c.err != nil {
					found(c.file.Finding("bootc cannot parse it, and the installation fails: %v", c.err).OnLine(c.line).
						Fixed("see bootc-install-config(5) for the keys; all are below [install]"))
				}
			}
		},
	},
	{
		ID: "BL110", Slug: "install-no-rootfs", Severity: Warning, Stages: InRoot, Profiles: []Profile{Disk},
		Title: "no default for the file system of the root",
		Rationale: `An installation needs to know the file system of the root. Where the image does not say, everyone who makes a disk image of it must
(--rootfs), and "bootc install to-disk" fails.`,
		URL: "https://bootc.dev/bootc/bootc-install.html",
		Bad: `
-- layer 0 --
file /usr/lib/bootc/install/README
`,
		Good: `
-- layer 0:/usr/lib/bootc/install/00-acme.toml --
[install.filesystem.root]
type = "ext4"
`,
		Wants: Reading(installGlobs...),
		Check: func(f *Facts, found func(Finding)) {
			if f.Root.Whole && rootFS(installFiles(f)) == "" {
				found(f.Finding("no file in /usr/lib/bootc/install says what file system the root gets").
					FixedBy("/usr/lib/bootc/install/00-rootfs.toml", "[install.filesystem.root]\ntype = \"xfs\"\n", "add the file"))
			}
		},
	},
	{
		ID: "BL111", Slug: "verity-fs-mismatch", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "fs-verity on a file system that does not have it",
		Rationale: `composefs with enabled = verity or signed wants fs-verity of the file system of the root, which ext4 and btrfs have and xfs has not. A
device installed with xfs does not boot.`,
		URL: "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = verity
-- layer 0:/usr/lib/bootc/install/00-acme.toml --
[install.filesystem.root]
type = "xfs"
`,
		Good: `
-- layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = verity
-- layer 0:/usr/lib/bootc/install/00-acme.toml --
[install.filesystem.root]
type = "ext4"
`,
		Wants: append(Reading(prepareRoot...), Reading(installGlobs...)...),
		Check: func(f *Facts, found func(Finding)) {
			conf, k, ok := readPrepareRoot(f, "")
			files := installFiles(f)
			if enabled := k.get("composefs", "enabled"); ok && (enabled == "verity" || enabled == "signed") && rootFS(files) == "xfs" {
				found(conf.Finding("composefs is to be %s, but the root is installed as xfs, which has no fs-verity: the device does not boot", enabled).
					OnLine(k.line("composefs", "enabled")).Fixed(`set type = "ext4" in /usr/lib/bootc/install/*.toml`))
			}
		},
	},
}

// installConfig is the format of an install file
// (https://github.com/bootc-dev/bootc/blob/main/crates/lib/src/install/config.rs).
type installConfig struct {
	Install struct {
		RootFSType string   `toml:"root-fs-type"`
		Block      []string `toml:"block"`
		Filesystem struct {
			Root struct {
				Type string `toml:"type"`
			} `toml:"root"`
		} `toml:"filesystem"`
		Kargs       []string       `toml:"kargs"`
		KargDeletes []string       `toml:"karg-deletes"`
		Arch        []string       `toml:"match-architectures"`
		Ostree      map[string]any `toml:"ostree"` // unknown keys are tolerated there
		Stateroot   string         `toml:"stateroot"`
		RootMount   *string        `toml:"root-mount-spec"`
		BootMount   *string        `toml:"boot-mount-spec"`
		Bootupd     struct {
			SkipBootUUID bool `toml:"skip-boot-uuid"`
		} `toml:"bootupd"`
		Bootloader   string `toml:"bootloader"`
		Discoverable bool   `toml:"discoverable-partitions"`
		Sigpolicy    bool   `toml:"enforce-container-sigpolicy"`
	} `toml:"install"`
}

// installFile is one of them; err says why bootc refuses it.
type installFile struct {
	installConfig
	file *File
	line int
	err  error
}

// installFiles are the files whose content is known, in the order in which they apply.
func installFiles(f *Facts) []installFile {
	var out []installFile
	for file := range f.Files(installGlobs...) {
		text, ok := file.Content()
		if !ok {
			continue
		}
		c := installFile{file: file}
		_, c.line, c.err = decodeTOML(string(text), &c.installConfig)
		if c.err == nil {
			c.err = c.check()
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b installFile) int { return strings.Compare(path.Base(a.file.Path), path.Base(b.file.Path)) })
	return out
}

func (c *installConfig) check() error {
	i := c.Install
	for _, v := range []struct {
		key     string
		values  []string
		allowed []string
	}{
		{"root-fs-type", []string{i.RootFSType}, []string{"xfs", "ext4", "btrfs"}},
		{"filesystem.root.type", []string{i.Filesystem.Root.Type}, []string{"xfs", "ext4", "btrfs"}},
		{"bootloader", []string{i.Bootloader}, []string{"grub", "grub-cc", "systemd", "none"}},
		{"block", i.Block, []string{"direct", "tpm2-luks"}},
	} {
		for _, value := range v.values {
			if value != "" && !slices.Contains(v.allowed, value) {
				return fmt.Errorf("%s = %q is none of %s", v.key, value, strings.Join(v.allowed, ", "))
			}
		}
	}
	return nil
}

// rootFS is the file system that the files come to.
func rootFS(files []installFile) string {
	out := ""
	for _, c := range files {
		if t := c.Install.RootFSType; t != "" && c.err == nil {
			out = t
		}
		if t := c.Install.Filesystem.Root.Type; t != "" && c.err == nil {
			out = t
		}
	}
	return out
}
