package changes

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/pkgdb"
)

// TextOptions are the options of WriteText. The zero value is short enough for release notes.
type TextOptions struct {
	// Files is how many files are named that no package brings; the rest are counted. Zero is 40, less than zero all.
	Files int
	// All names the files that packages bring, and those in which package managers keep books, as well.
	All bool
}

// WriteText writes the report for people, as Markdown that reads as plain text too: a title, what is downloaded, and a
// section for each kind of change that there is. Names from images are printed without control characters, in code spans.
func (r Report) WriteText(w io.Writer, o TextOptions) error {
	t := &text{}
	t.head(r)
	t.list("Warnings", r.Warnings, func(s string) string { return escape(s) })
	t.value("Operating system", r.OS)
	t.value("Kernel", r.Kernel)
	t.kargs(r.Kargs)
	t.packages(r.Packages)
	t.units(r.Units)
	t.accounts("Users", r.Users)
	t.accounts("Groups", r.Groups)
	t.files(r.Files, o)
	if r.Empty() {
		t.printf("\nNothing changes on a device.\n")
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// String is what WriteText writes without options.
func (r Report) String() string {
	var b strings.Builder
	_ = r.WriteText(&b, TextOptions{})
	return b.String()
}

type text struct{ strings.Builder }

func (t *text) printf(format string, args ...any) { fmt.Fprintf(t, format, args...) }

// list is a section with a line for each element.
func list[T any](t *text, title string, all []T, line func(T) string) {
	if len(all) == 0 {
		return
	}
	t.printf("\n## %s\n\n", title)
	for _, x := range all {
		t.printf("- %s\n", line(x))
	}
}

func (t *text) list(title string, all []string, line func(string) string) { list(t, title, all, line) }

func (t *text) head(r Report) {
	name := func(i Image) string {
		if r.From.Version != r.To.Version && i.Version != "" {
			return escape(i.Version)
		}
		return short(i.Digest.String())
	}
	title := cmp.Or(escape(r.To.Name), "Changes")
	t.printf("# %s: %s to %s\n\n", title, name(r.From), name(r.To))
	t.printf("From %s to %s, %s.\n", r.From.Digest, r.To.Digest, escape(r.To.Platform))
	n := len(r.Update.Fetch)
	t.printf("A device that has the old image downloads %s: %d of %d layers", size(r.Update.Bytes()), n, n+len(r.Update.Keep))
	var costs []string
	for _, c := range r.Update.Costs() {
		if len(c.Features) > 0 {
			costs = append(costs, strings.Join(c.Features, "+")+" "+size(c.Bytes))
		}
	}
	if len(costs) > 0 {
		t.printf(" (%s)", escape(strings.Join(costs, ", ")))
	}
	t.printf(".\n")
}

func (t *text) value(title string, v Value) {
	if v != (Value{}) {
		t.printf("\n## %s\n\n%s to %s\n", title, code(cmp.Or(v.From, "none")), code(cmp.Or(v.To, "none")))
	}
}

func (t *text) kargs(k Kargs) {
	var lines []string
	for _, a := range k.Add {
		lines = append(lines, "added "+code(a))
	}
	for _, a := range k.Remove {
		lines = append(lines, "removed "+code(a))
	}
	t.list("Kernel arguments", lines, func(s string) string { return s })
}

func (t *text) packages(all []Package) {
	counts := map[Kind]int{}
	several := map[string]bool{} // names with more than one architecture
	arch := map[string]string{}
	for _, p := range all {
		counts[p.Kind]++
		several[p.Name] = several[p.Name] || arch[p.Name] != "" && arch[p.Name] != p.Arch
		arch[p.Name] = p.Arch
	}
	var sum []string
	for _, k := range []Kind{Added, Removed, Upgraded, Downgraded} {
		if counts[k] > 0 {
			sum = append(sum, fmt.Sprintf("%d %s", counts[k], k))
		}
	}
	list(t, "Packages: "+strings.Join(sum, ", "), all, func(p Package) string {
		name := p.Name
		if several[name] {
			name += "." + p.Arch
		}
		name = code(name)
		switch p.Kind {
		case Added:
			return "added " + name + " " + code(p.To)
		case Removed:
			return "removed " + name + " " + code(p.From)
		case Downgraded:
			return "**downgraded** " + name + " " + code(p.From) + " to " + code(p.To)
		}
		return name + " " + code(p.From) + " to " + code(p.To)
	})
}

func (t *text) units(all []Unit) {
	list(t, "Units", all, func(u Unit) string {
		line := code(u.Name) + ": "
		switch {
		case u.From == "":
			line += "added, " + u.To
		case u.To == "":
			line += "removed, was " + u.From
		case u.From != u.To:
			line += u.From + " to " + u.To
		}
		if u.Edited {
			line += map[bool]string{true: u.To + ", edited", false: ", edited"}[u.From == u.To]
		}
		return line
	})
}

func (t *text) accounts(title string, all []Account) {
	list(t, title, all, func(a Account) string {
		number := func(n string) string {
			if n == AnyNumber {
				return "a number of the device's own"
			}
			return escape(n)
		}
		switch a.Kind() {
		case Added:
			return "added " + code(a.Name) + ", " + number(a.To)
		case Removed:
			return "removed " + code(a.Name) + ", " + number(a.From)
		}
		return "**renumbered** " + code(a.Name) + ", " + number(a.From) + " to " + number(a.To)
	})
}

func (t *text) files(all []File, o TextOptions) {
	if len(all) == 0 {
		return
	}
	var bytes, brought int64
	counts := map[Kind]int{}
	var shown []File
	for _, f := range all {
		counts[f.Kind()]++
		bytes += f.Bytes()
		byPackage := f.Package != "" || pkgdb.IsState(strings.TrimPrefix(f.Path, "/"))
		if byPackage {
			brought++
		}
		if !byPackage || o.All {
			shown = append(shown, f)
		}
	}
	// A directory that comes or goes with what is in it needs no line.
	parents := map[string]bool{}
	for _, f := range shown {
		dir, _ := cutLast(f.Path)
		parents[dir] = true
	}
	shown = slices.DeleteFunc(shown, func(f File) bool {
		return f.Kind() != Changed && (f.From.Mode | f.To.Mode).IsDir() && parents[f.Path]
	})
	t.printf("\n## Files\n\n%d added, %d removed, %d changed, %s; %d of them by packages.\n", counts[Added], counts[Removed], counts[Changed], signed(bytes), brought)
	limit := cmp.Or(o.Files, 40)
	if limit < 0 || limit > len(shown) {
		limit = len(shown)
	}
	if limit > 0 {
		t.printf("\n")
	}
	// What is cut off is the smallest.
	named := slices.Clone(shown)
	slices.SortStableFunc(named, func(a, b File) int { return cmp.Compare(abs(b.Bytes()), abs(a.Bytes())) })
	named = named[:limit]
	slices.SortFunc(named, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range named {
		t.printf("- %s %s%s\n", f.Kind(), code(f.Path), what(f))
	}
	if n := len(shown) - limit; n > 0 {
		t.printf("- %d more\n", n)
	}
}

// what says what is new about a file.
func what(f File) string {
	switch {
	case f.Kind() == Added && f.To.Link != "":
		return ", a link to " + code(f.To.Link)
	case f.Kind() != Changed && f.From.Mode.Type()|f.To.Mode.Type() == 0:
		return ", " + size(max(f.From.Size, f.To.Size))
	case f.Kind() != Changed:
		return ""
	}
	var out []string
	if f.From.Mode != f.To.Mode {
		out = append(out, fmt.Sprintf("%s to %s", f.From.Mode, f.To.Mode))
	}
	if f.From.UID != f.To.UID || f.From.GID != f.To.GID {
		out = append(out, fmt.Sprintf("%d:%d to %d:%d", f.From.UID, f.From.GID, f.To.UID, f.To.GID))
	}
	if f.From.Link != f.To.Link {
		out = append(out, "a link to "+code(f.To.Link))
	}
	switch {
	case f.From.SHA256 == f.To.SHA256:
	case f.Bytes() == 0:
		out = append(out, "the same size")
	default:
		out = append(out, signed(f.Bytes()))
	}
	return ", " + strings.Join(out, ", ")
}
