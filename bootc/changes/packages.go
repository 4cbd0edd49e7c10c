package changes

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/pkgdb"
	"github.com/bootloom/bootloom/internal/tree"
)

// packages compares the package databases, and says of files which of these changes brings them.
func (c *comparison) packages(files []File) ([]Package, error) {
	var lists [2][]pkgdb.Package
	for i, t := range c.part {
		var err error
		if lists[i], err = pkgdb.Read(t); err != nil {
			return nil, err
		}
	}
	from, to := byName(lists[0]), byName(lists[1])
	var out []Package
	owners := map[string]string{}
	for _, name := range sortedKeys(from, to) {
		gone, come := less(from[name], to[name]), less(to[name], from[name])
		for i, t := range [][]pkgdb.Package{gone, come} {
			for _, p := range t {
				own(owners, c.part[i], p)
			}
		}
		out = append(out, pair(gone, come)...)
	}
	for i := range files {
		files[i].Package = owners[files[i].Path]
	}
	return out, nil
}

// byName has the packages of a name and architecture, the oldest first.
func byName(list []pkgdb.Package) map[string][]pkgdb.Package {
	out := map[string][]pkgdb.Package{}
	for _, p := range list {
		key := strings.Join([]string{p.Format, p.Name, p.Arch}, "\x00")
		out[key] = append(out[key], p)
	}
	return out
}

// less are the packages of a that b does not have in the same version.
func less(a, b []pkgdb.Package) []pkgdb.Package {
	var out []pkgdb.Package
	for _, p := range a {
		if !slices.ContainsFunc(b, func(q pkgdb.Package) bool { return q.Version == p.Version }) {
			out = append(out, p)
		}
	}
	return out
}

// pair makes one change of a version that goes for another; what comes and goes in several versions is apart.
func pair(gone, come []pkgdb.Package) []Package {
	var out []Package
	if len(gone) == 1 && len(come) == 1 {
		old, new := gone[0], come[0]
		p := Package{Format: new.Format, Name: new.Name, Arch: new.Arch, From: old.Version, To: new.Version, Kind: Upgraded, Bytes: new.Size - old.Size}
		if pkgdb.CompareVersions(new.Format, old.Version, new.Version) > 0 {
			p.Kind = Downgraded
		}
		return append(out, p)
	}
	for _, p := range gone {
		out = append(out, Package{Format: p.Format, Name: p.Name, Arch: p.Arch, From: p.Version, Kind: Removed, Bytes: -p.Size})
	}
	for _, p := range come {
		out = append(out, Package{Format: p.Format, Name: p.Name, Arch: p.Arch, To: p.Version, Kind: Added, Bytes: p.Size})
	}
	return out
}

// own notes the package of its files, under the paths that they have in the image: packages may still say /lib where that is
// a link to /usr/lib.
func own(owners map[string]string, t *tree.Tree, p pkgdb.Package) {
	dirs := map[string]string{}
	for _, name := range p.Files {
		dir, base := cutLast(name)
		real, ok := dirs[dir]
		if !ok {
			real = strings.TrimPrefix("/"+t.Resolve(dir), "/.")
			dirs[dir] = real
		}
		owners[real+"/"+base] = p.Name
	}
}

// sortedKeys are the keys of both maps.
func sortedKeys[T any](a, b map[string]T) []string {
	var out []string
	for _, m := range []map[string]T{a, b} {
		for k := range m {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
