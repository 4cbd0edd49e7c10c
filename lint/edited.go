package lint

import (
	"path"
	"slices"
	"strings"

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

// editVerbs say what a command does to a file, where that is told by the command itself and not by what it brings along.
var editVerbs = map[WriteOp]string{Create: "replaces", Append: "adds to", Edit: "edits"}

// howEdited says what layer n does to a file that the base has: "replaces" or "edits"; "" if nothing is known, and before the build for what
// editVerbs tell.
func howEdited(f *Facts, n int, file *File) string {
	if !f.At(InLayers) {
		if w := file.Write(); w != nil && w.Op != Copy && w.Op != Move {
			return ""
		}
		return "replaces"
	}
	for i := n - 1; i >= 0 && f.BoundaryKnown(); i-- {
		if below := f.Layers[i].File(file.Path); below != nil {
			if below.IsRegular() && below.Digest() != "" && file.Digest() != "" && below.Digest() != file.Digest() {
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

// editAdvice completes the finding about a file that has a directory for drop-ins, or another way to the same end. w is the command's
// change, if one is known.
func editAdvice(out Finding, p, how string, w *Write, found func(Finding)) {
	if dropIn, ok := bootc.DropInPath(p, "50-local"); ok {
		note := "say in a drop-in what differs, and leave " + printable(p) + " as it is"
		if path.Dir(dropIn) == "/etc/sudoers.d" {
			note += "; sudo wants mode 0440 and a name without dots"
		}
		text := ""
		if w != nil && w.Op == Append && w.Known {
			text = string(w.Content)
		}
		found(out.FixedBy(dropIn, text, note))
		return
	}
	for _, o := range otherEdits {
		if ok, _ := path.Match(o.glob, p); ok && (how != "replaces" || !o.editOnly) {
			found(out.Fixed("%s", o.advice))
			return
		}
	}
	if how == "edits" && w != nil && under(p, "/etc") && !isOwnFile(p) {
		found(out.As(Note).Fixed("look whether the program reads a directory of drop-ins; if not, write the whole file"))
	}
}

// isOwnFile says whether a file is one of many in its directory, each of which is somebody's for himself, or has settings of the build.
func isOwnFile(p string) bool {
	dir := path.Dir(p)
	if _, ok := bootc.UsrPath(p); ok || strings.HasSuffix(dir, ".d") {
		return true
	}
	return slices.ContainsFunc([]string{"/etc/dnf", "/etc/yum", "/etc/apt", "/etc/pki", "/etc/skel", "/etc/default"}, func(d string) bool { return under(p, d) }) ||
		slices.Contains([]string{"/etc/yum.conf", "/etc/selinux/config", "/etc/locale.conf", "/etc/vconsole.conf", "/etc/os-release", "/etc/locale.gen", "/etc/passwd", "/etc/group", "/etc/shadow"}, p)
}

// madeByStep says whether this Containerfile makes the whole file before the step.
func madeByStep(f *Facts, s *Step, p string) bool {
	return slices.ContainsFunc(f.Layers, func(l *Layer) bool {
		file := l.File(p)
		if l.Step == nil || file == nil || file.Whiteout() || slices.Index(s.build.Steps, l.Step) >= slices.Index(s.build.Steps, s) {
			return false
		}
		w := file.Write()
		return w == nil || w.Op == Create || w.Op == Copy || w.Op == Move
	})
}

// madeBefore says whether a layer below n has the file, before the build one of this Containerfile.
func madeBefore(f *Facts, n int, p string) bool {
	return slices.ContainsFunc(f.Layers[:n], func(l *Layer) bool { file := l.File(p); return file != nil && !file.Whiteout() })
}
