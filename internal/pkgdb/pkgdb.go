// Package pkgdb reads which packages a root file system has, from the databases of rpm and dpkg in it: no program is run, no
// library of SQLite linked, nothing written.
package pkgdb

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The formats of packages.
const (
	RPM = "rpm"
	Deb = "deb"
)

// Package is an installed package.
type Package struct {
	Format  string // RPM or Deb
	Name    string
	Version string // as the package manager writes it: "1:2.0-3.el10"
	Arch    string
	Size    int64    // of its files, as its maker counted; 0 if unknown
	Files   []string // absolute paths, as the package has them: links among their directories are not followed
}

// Where the databases are: of Fedora and its kin, of ostree and bootc, of others; and of Debian. All but one are links, if
// they are there at all, and what is behind a link is found under its own name.
var (
	rpmDirs  = []string{"usr/lib/sysimage/rpm", "usr/share/rpm", "var/lib/rpm"}
	dpkgDirs = []string{"var/lib/dpkg", "usr/lib/sysimage/dpkg"}
)

// rpmdb is the database of rpm 4.16 and newer. Of older ones there are two kinds, and no bootable base has them.
const rpmdb = "rpmdb.sqlite"

// ErrUnknownFormat is in the chain of the error about a database of rpm that is not SQLite.
var ErrUnknownFormat = errors.New("the database is of a format that is not read")

// IsPart says whether a file, by its path as fs.FS has it, is one of those that Read reads.
func IsPart(name string) bool {
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	switch {
	case slices.Contains(rpmDirs, dir):
		return base == rpmdb || base == rpmdb+"-wal" || base == rpmdb+"-journal"
	case slices.Contains(dpkgDirs, dir):
		return base == "status"
	case strings.HasSuffix(base, ".list"):
		return slices.Contains(dpkgDirs, strings.TrimSuffix(dir, "/info")) && strings.HasSuffix(dir, "/info")
	}
	return slices.Contains(dpkgDirs, strings.TrimSuffix(dir, "/status.d")) && strings.HasSuffix(dir, "/status.d")
}

// IsState says whether a file, by its path as fs.FS has it, is a package manager's own: of a database, or what dnf and apt
// remember beside.
func IsState(name string) bool {
	return slices.ContainsFunc(slices.Concat(rpmDirs, dpkgDirs, stateDirs), func(dir string) bool {
		return name == dir || strings.HasPrefix(name, dir+"/")
	})
}

var stateDirs = []string{"var/lib/dnf", "usr/lib/sysimage/libdnf5", "usr/lib/sysimage/rpm-ostree-base-db", "var/lib/apt", "var/cache/debconf"}

// Read returns the packages of a root file system, sorted by format, name, architecture and version. A root without any
// database has none.
func Read(root fs.FS) ([]Package, error) {
	rpms, err := readRPM(root)
	if err != nil {
		return nil, err
	}
	debs, err := readDpkg(root)
	if err != nil {
		return nil, err
	}
	out := append(debs, rpms...)
	slices.SortFunc(out, compare)
	return out, nil
}

func compare(a, b Package) int {
	for _, c := range []int{
		strings.Compare(a.Format, b.Format), strings.Compare(a.Name, b.Name), strings.Compare(a.Arch, b.Arch),
		CompareVersions(a.Format, a.Version, b.Version),
	} {
		if c != 0 {
			return c
		}
	}
	return strings.Compare(a.Version, b.Version)
}

func readRPM(root fs.FS) ([]Package, error) {
	for _, dir := range rpmDirs {
		name := path.Join(dir, rpmdb)
		main, err := optional(root, name)
		if err != nil {
			return nil, err
		}
		wal, err := optional(root, name+"-wal")
		if err != nil {
			return nil, err
		}
		journal, err := optional(root, name+"-journal")
		if err != nil {
			return nil, err
		}
		if main == nil && wal == nil {
			for _, old := range []string{"Packages", "Packages.db"} {
				if info, err := fs.Lstat(root, path.Join(dir, old)); err == nil && info.Mode().IsRegular() {
					return nil, fmt.Errorf("/%s/%s: %w: want %s, which rpm 4.16 and newer have", dir, old, ErrUnknownFormat, rpmdb)
				}
			}
			continue
		}
		if len(journal) > 0 && strings.Trim(string(journal[:min(8, len(journal))]), "\x00") != "" {
			return nil, fmt.Errorf("/%s: %w: a transaction was cut off, and %s-journal has what it overwrote; run rpm --rebuilddb in the image", name, errDamaged, rpmdb)
		}
		packages, err := parseRPMDB(main, wal)
		if err != nil {
			return nil, fmt.Errorf("/%s: %w", name, err)
		}
		return packages, nil
	}
	return nil, nil
}

// parseRPMDB reads the one table that has everything: number and header of each package. The others are indexes.
func parseRPMDB(main, wal []byte) ([]Package, error) {
	d, err := openSQLite(main, wal)
	if err != nil {
		return nil, err
	}
	root, err := d.table("Packages")
	if err != nil {
		return nil, err
	}
	var out []Package
	return out, d.rows(root, func(id int64, record []byte) error {
		columns, err := decodeRecord(record)
		if err != nil {
			return err
		}
		if len(columns) != 2 {
			return fmt.Errorf("%w: package %d has %d columns", errDamaged, id, len(columns))
		}
		h, err := parseHeader(columns[1].bytes)
		if err != nil {
			return fmt.Errorf("package %d: %w", id, err)
		}
		p, err := h.packageOf()
		if err != nil {
			return fmt.Errorf("package %d: %w", id, err)
		}
		if p.Name != "gpg-pubkey" { // a key that rpm keeps among packages
			out = append(out, p)
		}
		return nil
	})
}

// optional reads a file that may be missing: nil.
func optional(root fs.FS, name string) ([]byte, error) {
	info, err := fs.Lstat(root, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := fs.ReadFile(root, name)
	if err == nil && b == nil {
		b = []byte{}
	}
	return b, err
}
