package lint

import (
	"path"
	"slices"

	"github.com/bootloom/bootloom/bootc"
)

// otherEdits are files for which there is no directory of drop-ins, and what to do instead. Those that are only meant when edited are made
// by who owns them.
var otherEdits = []struct {
	glob, advice string
	editOnly     bool
}{
	{"/etc/fstab", "write a mount unit, /usr/lib/systemd/system/srv-data.mount for /srv/data, and enable it", false},
	{"/etc/pam.d/*", "select a profile: authselect on Fedora and its relatives, pam-auth-update on Debian", true},
	{"/etc/flightctl/config.yaml", "log-level, system-info, system-info-custom, system-info-timeout and label-from-systeminfo have drop-ins in /etc/flightctl/conf.d", true},
}

// editWants asks for the digests by which an edit shows in the layers of an image.
func editWants() []Want {
	var out []Want
	for _, glob := range []string{"/etc/*", "/etc/*/*", "/etc/*/*/*"} {
		out = append(out, Want{Glob: glob, Digest: true})
	}
	return out
}

// howEdited says what layer n does to a file that the base has: "replaces", "edits" or "adds to"; "" if nothing is known.
func howEdited(f *Facts, n int, file *File) string {
	if f.At(InLayers) {
		for i := n - 1; i >= 0; i-- {
			if below := f.Layers[i].File(file.Path); below != nil {
				if below.IsRegular() && below.Digest() != "" && file.Digest() != "" && below.Digest() != file.Digest() && f.BoundaryKnown() {
					return "edits"
				}
				return ""
			}
			if f.Layers[i].Hides(file.Path) {
				return ""
			}
		}
		return ""
	}
	w := file.Write()
	switch {
	case w == nil:
		return "replaces"
	case w.Op == Edit:
		return "edits"
	case w.Op == Append:
		return "adds to"
	case w.Op == Create || w.Op == Copy || w.Op == Move:
		return "replaces"
	}
	return ""
}

// editAdvice is the finding about a file that has a directory for drop-ins, or another way to the same end.
func editAdvice(file *File, how string) (Finding, bool) {
	out := file.Finding("the image %s it, and no longer gets what the distribution changes in it", how)
	if w := file.Write(); w != nil {
		out = out.Showing(w.Command.Text)
	}
	if dropIn, ok := bootc.DropInPath(file.Path, "50-local"); ok {
		note := "say in a drop-in what differs, and leave " + printable(file.Path) + " as it is"
		if path.Dir(dropIn) == "/etc/sudoers.d" {
			note += "; sudo wants mode 0440 and a name without dots"
		}
		text := ""
		if w := file.Write(); w != nil && w.Op == Append && w.Known {
			text = string(w.Content)
		}
		return out.FixedBy(dropIn, text, note), true
	}
	for _, o := range otherEdits {
		if ok, _ := path.Match(o.glob, file.Path); ok && (how != "replaces" || !o.editOnly) {
			return out.Fixed("%s", o.advice), true
		}
	}
	return Finding{}, false
}

// madeBefore says whether a layer below n has the file, before the build one of this Containerfile.
func madeBefore(f *Facts, n int, p string) bool {
	return slices.ContainsFunc(f.Layers[:n], func(l *Layer) bool { file := l.File(p); return file != nil && !file.Whiteout() })
}
