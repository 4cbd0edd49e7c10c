package lint

import (
	"slices"
	"strings"
)

// composefsRules are about how the initramfs mounts the root.
var composefsRules = []Rule{
	{
		ID: "BL112", Slug: "composefs-disabled", Aliases: []string{"baseimage-composefs"}, Severity: Warning, Stages: InRoot,
		Title: "composefs is not enabled",
		Rationale: `With composefs the root is read-only as a whole, and only what the image says is in it. Without, programs can write to the root of a
deployment, and what they write is lost with the next update.`,
		URL: "https://bootc.dev/bootc/filesystem.html",
		Bad: `
-- layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = no
`,
		Good: `
-- layer 0:/usr/lib/ostree/prepare-root.conf --
[composefs]
enabled = yes
`,
		Wants: Reading(append(slices.Clone(prepareRoot), baseImage+prepareRoot[0], baseImage+prepareRoot[1])...),
		Check: func(f *Facts, found func(Finding)) {
			composefs(f, "", found)
			if f.Root.File(baseImage) != nil {
				composefs(f, baseImage, found)
			}
		},
	},
}

// prepareRoot are the files that say how the initramfs mounts the root, of which the first counts.
var prepareRoot = []string{"/etc/ostree/prepare-root.conf", "/usr/lib/ostree/prepare-root.conf"}

func composefs(f *Facts, root string, found func(Finding)) {
	conf, k, ok := readPrepareRoot(f, root)
	const fix = "write it before the initramfs is made, and make that anew"
	switch {
	case conf == nil && f.Root.Whole && !hasUKI(f.Root):
		found(f.Finding("there is no %s/usr/lib/ostree/prepare-root.conf to enable composefs", root).
			FixedBy(root+prepareRoot[1], "[composefs]\nenabled = true\n", fix))
	case conf == nil:
	case !ok:
		if _, known := conf.Content(); known {
			_, line, err := parseKeyFile(conf.Text())
			found(conf.Finding("cannot be parsed: %v", err).As(Error).OnLine(line))
		}
	case truth(k.get("root", "transient")) == 1 || truth(k.get("root", "transient-ro")) == 1:
	default:
		enabled := k.get("composefs", "enabled")
		switch {
		case slices.Contains([]string{"maybe", "signed", "verity"}, enabled) || truth(enabled) == 1:
		case enabled == "" || truth(enabled) == 0:
			found(conf.Finding("does not enable composefs: the root of a device can be written to").OnLine(k.line("composefs", "enabled")).
				FixedBy(conf.Path, "[composefs]\nenabled = true\n", fix))
		default:
			found(conf.Finding("enabled = %s is none of yes, no, maybe, verity, signed: the device does not boot", clip(enabled)).As(Error).
				OnLine(k.line("composefs", "enabled")))
		}
	}
}

// readPrepareRoot reads the file that counts, in the given root.
func readPrepareRoot(f *Facts, root string) (conf *File, k keyFile, ok bool) {
	for _, name := range prepareRoot {
		if file, _ := f.Root.Resolve(root + name); file != nil {
			text, ok := file.Content()
			k, _, err := parseKeyFile(string(text))
			return file, k, ok && err == nil
		}
	}
	return nil, nil, false
}

// truth reads a boolean of a key file: 1, 0, or -1 for none.
func truth(s string) int {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on":
		return 1
	case "0", "false", "no", "off":
		return 0
	}
	return -1
}
