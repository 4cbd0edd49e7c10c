package lint

import (
	"iter"
	"slices"
	"strings"
)

// stateAlias are the links of a root into /var.
type stateAlias map[string]string

// usualStateLinks are in every bootc base, as far as is known before the build. /opt and /usr/local are links in some bases only.
var usualStateLinks = stateAlias{"/home": "/var/home", "/root": "/var/roothome", "/srv": "/var/srv", "/mnt": "/var/mnt"}

// stateLinks finds them.
func stateLinks(t *Tree) stateAlias {
	out := stateAlias{}
	for _, dir := range []string{"/home", "/root", "/srv", "/mnt", "/opt", "/usr/local"} {
		switch d := t.File(dir); {
		case d != nil && d.IsLink():
			if target := textTarget(d); under(target, "/var") {
				out[dir] = target
			}
		case d == nil && !t.Whole && usualStateLinks[dir] != "":
			out[dir] = usualStateLinks[dir]
		}
	}
	return out
}

// of is where the path is.
func (a stateAlias) of(p string) string {
	for dir, target := range a {
		if under(p, dir) {
			return target + p[len(dir):]
		}
	}
	return p
}

// stateFiles yields what may be in /var, or below links into it. In a whole root nothing is below a link.
func stateFiles(t *Tree) iter.Seq[*File] {
	if t.Whole {
		return func(yield func(*File) bool) {
			for _, dir := range []string{"/home", "/root", "/var"} {
				for file := range t.Below(dir) {
					if !yield(file) {
						return
					}
				}
			}
		}
	}
	return t.All()
}

// isHome says whether a path is below the home of a user.
func isHome(p string) bool {
	return under(p, "/var/home") || under(p, "/var/roothome") || under(p, "/home") || under(p, "/root")
}

// hasOwnRule says whether another rule looks at files there.
func hasOwnRule(t *Tree, p string) bool {
	if under(p, "/var/log") || under(p, "/var/cache") || under(p, "/var/run") || isHome(p) || leftover(p) != "" || isPackageDatabase(p) {
		return true
	}
	for dir, target := range stateOpt {
		if link := t.File(dir); under(p, target) && link != nil && link.IsLink() {
			return true
		}
	}
	return false
}

// packageDatabases are where bases keep their lists of packages. Whether that is in /var is up to the base.
var packageDatabases = []string{"/var/lib/dpkg", "/var/lib/rpm", "/var/lib/pacman", "/var/lib/apt/extended_states", "/var/lib/zypp"}

func isPackageDatabase(p string) bool {
	return slices.ContainsFunc(packageDatabases, func(d string) bool { return under(p, d) })
}

// uncoveredDir is a directory or link that nothing makes, with the lines that would.
type uncoveredDir struct {
	top   *File
	more  int
	lines strings.Builder
}

// uncovered are those below /var, the topmost of each tree.
func uncovered(f *Facts) []*uncoveredDir {
	const most = 100 // lines of advice
	cover := f.stateCover()
	users, groups := idNames(f.Root, "passwd"), idNames(f.Root, "group")
	tops := map[string]*uncoveredDir{}
	var out []*uncoveredDir
	for file := range f.Root.Below("/var") {
		if !file.IsDir() && !file.IsLink() || !file.Derived() || f.inBase(file.Path) || file.MountPoint() || cover.has(file.Path) || leftover(file.Path) != "" || isPackageDatabase(file.Path) {
			continue
		}
		u := tops[file.Dir()]
		if u == nil {
			u = &uncoveredDir{top: file}
			out = append(out, u)
		} else {
			u.more++
		}
		if u.more < most {
			u.lines.WriteString(makingLine(file, users, groups))
		}
		tops[file.Path] = u
	}
	return out
}
