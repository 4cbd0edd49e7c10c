package lint

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// privilegeRules are about programs that run with more rights than who starts them.
var privilegeRules = []Rule{
	{
		ID: "BL606", Slug: "setuid-drift", Severity: Warning, Stages: InContainerfile | InSpec | InLayers,
		Title: "a program that gives its user more rights, and is not the base's",
		Rationale: `A program with the setuid bit runs as its owner, whoever starts it, and one with file capabilities has those: a mistake in it makes any user of the
device root. The base has some that it needs. Each more should be known and wanted; what a package brings is a note. One of root's in a place where
no package puts programs is an error.`,
		URL: "https://man7.org/linux/man-pages/man7/capabilities.7.html",
		Bad: `
-- linter.json --
{"BaseLayers": 1}
-- layer 0 --
file /usr/bin/sudo 4755
-- layer 1 --
file /usr/bin/acme-helper 4755
`,
		Good: `
-- linter.json --
{"BaseLayers": 1}
-- layer 0 --
file /usr/bin/sudo 4755
-- layer 1 --
file /usr/bin/sudo 4755 new
dir /srv/shared 2775
`,
		Check: setuidDrift,
	},
	{
		ID: "BL607", Slug: "privilege-lost", Severity: Warning, Stages: InLayers,
		Title: "a program that has lost the rights it needs",
		Rationale: `A layer writes a program again without the setuid bit or the capabilities that the layer below has for it, with the same size: most likely a tool that copied
the tree does not know of them. On the device sudo, ping or newuidmap then fail for all but root. "rpm --restore PACKAGE" sets them again. Where it
is meant, say so with a suppression.`,
		URL: "https://man7.org/linux/man-pages/man7/capabilities.7.html",
		Bad: `
-- layer 0 --
file /usr/bin/newuidmap 0755 program
xattr /usr/bin/newuidmap security.capability=0sAQAAAoAAAAAAAAAAAAAAAAAAAAA=
-- layer 1 --
file /usr/bin/newuidmap 0755 program
`,
		Good: `
-- layer 0 --
file /usr/bin/newuidmap 0755 program
xattr /usr/bin/newuidmap security.capability=0sAQAAAoAAAAAAAAAAAAAAAAAAAAA=
-- layer 1 --
file /usr/bin/newuidmap 0755 program
xattr /usr/bin/newuidmap security.capability=0sAQAAAoAAAAAAAAAAAAAAAAAAAAA=
`,
		Check: privilegeLost,
	},
}

// privileges are what a file gives to whom starts it: the setuid and setgid bits, and capabilities. Directories have none.
func privileges(f *File) (bits fs.FileMode, capability string) {
	if !f.IsRegular() {
		return 0, ""
	}
	capability, _ = f.Xattr("security.capability")
	bits = f.Mode & (fs.ModeSetuid | fs.ModeSetgid)
	if f.Mode.Perm()&0o111 == 0 {
		bits = 0 // nothing that can be started
	}
	return bits, capability
}

// below is the file that the entry takes the place of, nil if there was none.
func (f *Facts) below(file *File) *File {
	for i := file.Layer.Index - 1; i >= 0; i-- {
		l := f.Layers[i]
		if old := l.File(file.Path); old != nil && !old.Whiteout() {
			return old
		}
		if l.Hides(file.Path) {
			return nil
		}
	}
	return nil
}

// unusualDirs are where no package puts programs.
var unusualDirs = []string{"/usr/local", "/opt", "/home", "/root", "/srv", "/var", "/etc", "/tmp", "/mnt"}

func setuidDrift(f *Facts, found func(Finding)) {
	if !f.BoundaryKnown() {
		return
	}
	fromPackage := byPackages()
	for file := range f.Root.All() {
		bits, capability := privileges(file)
		if bits == 0 && capability == "" || !file.Derived() {
			continue
		}
		if old := f.below(file); old != nil {
			if had, hadCapability := privileges(old); had&bits == bits && hadCapability == capability {
				continue
			}
		}
		var what []string
		if bits&fs.ModeSetuid != 0 {
			what = append(what, fmt.Sprintf("runs as user %d whoever starts it", file.UID))
		}
		if bits&fs.ModeSetgid != 0 {
			what = append(what, fmt.Sprintf("runs as group %d whoever starts it", file.GID))
		}
		if capability != "" {
			what = append(what, "has capabilities whoever starts it")
		}
		if f.At(InLayers) {
			what = append(what, "the base does not have it so")
		}
		out := file.Finding("%s", strings.Join(what, ", and ")).Fixed("chmod ug-s %s, or setcap -r: let a service do what needs the rights", printable(file.Path))
		unusual := slices.ContainsFunc(unusualDirs, func(d string) bool { return under(file.Path, d) })
		switch {
		case bits&fs.ModeSetuid != 0 && file.UID == 0 && unusual:
			out = out.As(Error)
		case fromPackage(file):
			out = out.As(Note)
		}
		found(out)
	}
	for c := range f.Commands() {
		if giver, ok := givesRights(c); ok {
			found(c.Finding("%s makes a program that gives its user more rights", giver).Showing(c.Text).Fixed("let a service do what needs the rights"))
		}
	}
}

// givesRights says whether a command sets bits that chmod's octal modes have not told already, or capabilities.
func givesRights(c *Command) (what string, ok bool) {
	ops := c.Operands("--reference")
	switch {
	case len(ops) < 2 || c.Has("-r", "-v"):
		return "", false
	case c.Is("setcap"):
		return "setcap", true
	case c.Is("chmod") && ops[0].Known && setuidMode.MatchString(ops[0].Text):
		return "chmod " + ops[0].Text, true
	}
	return "", false
}

// setuidMode is a symbolic mode that sets the setuid bit; that for groups is as often for a directory.
var setuidMode = lazyregexp.New(`^(?:.*,)?(?:[goa]*[ua][ugoa]*)?[+=][rwxXt]*s`)

func privilegeLost(f *Facts, found func(Finding)) {
	for _, l := range f.Layers {
		for i := range l.Files {
			old := &l.Files[i]
			had, hadCapability := privileges(old)
			if had == 0 && hadCapability == "" {
				continue
			}
			file := f.Root.File(old.Path)
			if file == nil || !file.IsRegular() || file.Layer == nil || file.Layer.Index <= l.Index || file.Size != old.Size || f.below(file) != old {
				continue
			}
			has, capability := privileges(file)
			lost := ""
			switch {
			case had&^has != 0:
				lost = "the setuid or setgid bit"
			case hadCapability != "" && capability == "":
				lost = "capabilities"
			default:
				continue
			}
			if step := file.Layer.Step; step != nil && slices.ContainsFunc(step.Commands, func(c *Command) bool {
				return c.Is("chmod", "setcap") && strings.Contains(c.Text, path.Base(file.Path))
			}) {
				continue // somebody meant it
			}
			found(file.Finding("has lost %s that it has in layer %d: it works for root only", lost, l.Index).Showing(lost).
				Fixed("rpm --restore $(rpm -qf %s), or copy it with its attributes", printable(file.Path)))
		}
	}
}
