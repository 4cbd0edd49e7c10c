package lint

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// unitDirs have the units of the system, the first wins over the others where names are the same. /lib is /usr/lib in every
// image that boots, but a Containerfile may call it so.
var unitDirs = []string{"/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// unitTypes are the endings of units that say what runs, or when.
var unitTypes = []string{".service", ".socket", ".timer", ".path", ".mount", ".automount", ".swap", ".target", ".slice"}

// unit is a unit of systemd with its drop-ins.
type unit struct {
	name string
	// file is the unit file; nil if there are only drop-ins, as for a unit of the base before the build.
	file *File
	// masked says that the unit cannot be started.
	masked bool
	// read are the unit file and the drop-ins that were read, in the order in which systemd applies them.
	read []unitFile
}

type unitFile struct {
	file *File
	keys keyFile
}

// unitSetting is the value of a key, with the place where it stands.
type unitSetting struct {
	file  *File
	line  int
	value string
}

// all are the values of a key; an empty one takes back those before it.
func (u *unit) all(section, key string) []unitSetting {
	var out []unitSetting
	for _, f := range u.read {
		for v := range f.keys.each(section, key) {
			if out = append(out, unitSetting{f.file, v.line, v.value}); v.value == "" {
				out = nil
			}
		}
	}
	return out
}

// get is the last value of a key, "" if there is none.
func (u *unit) get(section, key string) string {
	list := u.all(section, key)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1].value
}

// derived says that any of it comes from above the base.
func (u *unit) derived() bool {
	return slices.ContainsFunc(u.read, func(f unitFile) bool { return f.file.Derived() })
}

// units are all units of the system that the root has files of, by name.
func (f *Facts) units() []*unit {
	t := f.Root
	byName := map[string]*unit{}
	of := func(name string) *unit {
		if byName[name] == nil {
			byName[name] = &unit{name: name}
		}
		return byName[name]
	}
	var dropIns []map[string][]*File // of each directory, the one that wins last, by the unit or type that they are for
	for _, dir := range slices.Backward(unitDirs) {
		for file := range t.In(dir) {
			if slices.Contains(unitTypes, path.Ext(file.Name())) {
				u := of(file.Name())
				u.file, u.masked = unitFileOf(t, file)
			}
		}
		here := map[string][]*File{}
		for d := range t.Glob(dir + "/*.d/*.conf") {
			base := strings.TrimSuffix(path.Base(d.Dir()), ".d")
			here[base] = append(here[base], d)
			if ext := path.Ext(base); slices.Contains(unitTypes, ext) && !strings.HasSuffix(base, "-"+ext) {
				of(base)
			}
		}
		dropIns = append(dropIns, here)
	}
	out := slices.SortedFunc(maps.Values(byName), func(a, b *unit) int { return cmp.Compare(a.name, b.name) })
	for _, u := range out {
		if u.file != nil {
			u.add(u.file)
		}
		for _, d := range dropInsOf(u.name, dropIns) {
			u.add(d)
		}
	}
	return out
}

// unitFileOf is what the entry of a unit directory stands for: a link to /dev/null and an empty file mask the unit.
func unitFileOf(t *Tree, entry *File) (file *File, masked bool) {
	file = entry
	if entry.IsLink() {
		if entry.Link == "/dev/null" {
			return entry, true
		}
		if file, _ = t.Resolve(entry.Path); file == nil {
			return nil, false
		}
	}
	content, known := file.Content()
	return file, known && len(content) == 0 && file.Write() == nil
}

func (u *unit) add(file *File) {
	keys, _, _ := parseKeyFile(file.Text()) // what can be read of it
	u.read = append(u.read, unitFile{file, keys})
}

// dropInsOf are the drop-ins of a unit in the order in which systemd applies them, by file name. Of the same file name that in the
// directory that wins counts; in the same directory that for the whole name before those for prefixes of it that end in a
// dash. Those for all units of the type come after all others.
//
// Source: systemd.unit(5), unit_file_find_dropin_paths in https://github.com/systemd/systemd/blob/main/src/shared/dropin.c
func dropInsOf(name string, dirs []map[string][]*File) []*File {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	var bases []string // the most special last
	for i := range len(stem) - 1 {
		if stem[i] == '-' {
			bases = append(bases, stem[:i+1]+ext)
		}
	}
	if template, _, ok := strings.Cut(stem, "@"); ok && !strings.HasSuffix(stem, "@") {
		bases = append(bases, template+"@"+ext)
	}
	bases = append(bases, name)
	byName := map[string]*File{}
	add := func(list []*File) {
		for _, d := range list {
			byName[d.Name()] = d
		}
	}
	for _, dir := range dirs {
		add(dir[ext[1:]])
	}
	for _, dir := range dirs {
		for _, base := range bases {
			add(dir[base])
		}
	}
	var out []*File
	for _, n := range slices.Sorted(maps.Keys(byName)) {
		if d := byName[n]; !d.IsLink() || d.Link != "/dev/null" {
			out = append(out, d)
		}
	}
	return out
}

// unitWants are for rules that call units.
func unitWants() []Want {
	var out []Want
	for _, dir := range unitDirs {
		out = append(out, Want{Glob: dir + "/*"}, Want{Glob: dir + "/*.d/*.conf"})
	}
	return out
}
