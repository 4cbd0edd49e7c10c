package lint

import (
	"path"
	"slices"
	"strings"
)

// madeAtRuntime are the paths that tmpfiles.d and the commands of a device make.
func madeAtRuntime(f *Facts) map[string]bool {
	out := map[string]bool{}
	for _, l := range f.tmpfiles() {
		if l.creates() && l.path != "" {
			out[l.path] = true
		}
	}
	for _, t := range f.tasks() {
		for _, w := range t.Writes {
			if w.Op != Remove {
				out[w.Path] = true
			}
		}
	}
	return out
}

// neverTrue is the finding about a condition on a path below /etc or /usr that nothing makes. A path in /etc may come with provisioning; where
// the image has one of much the same name, the condition has a mistake.
func neverTrue(f *Facts, s unitSetting, made map[string]bool) (Finding, bool) {
	p := s.value
	if !path.IsAbs(p) || strings.ContainsAny(p, "%*?[") { // ! and | come first
		return Finding{}, false
	}
	p = path.Clean(p)
	file, end := f.Root.Resolve(p)
	if file != nil || made[p] || made[end] || !f.Root.Missing(end) || !under(end, "/usr") && !under(end, "/etc") {
		return Finding{}, false
	}
	out := s.file.Finding("%s is not in the image, and nothing makes it: the unit never runs", printable(p)).OnLine(s.line)
	if near := nearName(f.Root, end, made); near != "" {
		return out.Fixed("perhaps %s is meant", printable(near)), true
	}
	if under(end, "/etc") {
		out.Message = sprintf("%s is not in the image, and nothing in it makes it: unless provisioning does, the unit never runs", []any{printable(p)})
		return out.As(Note).Unsure(Possible).Fixed("have the image or a line of tmpfiles.d make it, or leave it to provisioning"), true
	}
	return out.Fixed("correct the path, or put the file into the image"), true
}

// nearName is what stands beside the path under much the same name: all the words of one are in the other.
func nearName(t *Tree, p string, made map[string]bool) string {
	words := func(name string) []string {
		return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("._- ", r) })
	}
	within := func(a, b []string) bool {
		return len(a) > 1 && !slices.ContainsFunc(a, func(w string) bool { return !slices.Contains(b, w) })
	}
	want := words(path.Base(p))
	near := func(other string) bool {
		have := words(path.Base(other))
		return path.Dir(other) == path.Dir(p) && other != p && (within(want, have) || within(have, want))
	}
	for file := range t.In(path.Dir(p)) {
		if near(file.Path) {
			return file.Path
		}
	}
	for _, other := range sortedKeys(made) {
		if near(other) {
			return other
		}
	}
	return ""
}

// flagOf is the file in /etc that a task of a unit takes away and that the unit has as its condition; "" if the change is none to that.
func (t task) flagOf(w Write) string {
	gone := w.Path
	switch {
	case t.unit == nil || w.Glob || w.Op != Remove && w.Op != Move:
		return ""
	case w.Op == Move:
		gone = w.From
	}
	if under(gone, "/etc") && slices.ContainsFunc(t.unit.all("Unit", "ConditionPathExists"), func(s unitSetting) bool { return s.value == gone }) {
		return gone
	}
	return ""
}
