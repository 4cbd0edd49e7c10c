package bootc

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// kept are the places where a bootable image cannot carry files, with what to do instead.
var kept = []struct{ dir, why string }{
	{"/dev", "is dropped when the image is imported: let a tmpfiles.d or udev rule make it at boot"},
	{"/proc", "is dropped when the image is imported"},
	{"/run", "is dropped when the image is imported: let a tmpfiles.d rule make it at boot"},
	{"/sys", "is dropped when the image is imported"},
	{"/tmp", "is dropped when the image is imported"},
	{"/var", "belongs to the device and is unpacked at its first installation only: keep the file under /usr and let a tmpfiles.d rule (C, d, f or L) bring it to /var"},
	{"/home", "is in /var on a bootable system and sees no update: let a tmpfiles.d rule make it"},
	{"/root", "is in /var on a bootable system and sees no update: let a tmpfiles.d rule make it"},
	{"/etc/hostname", "would give each machine the same name: a machine has it from DHCP, cloud-init, its installer or the Edge Manager"},
	{"/usr/etc", "is ostree's own copy of /etc: name the path in /etc"},
	{"/sysroot", "is ostree's"},
	{"/ostree", "is ostree's"},
	{"/bin", "is a symbolic link to /usr/bin: name the path under /usr"},
	{"/sbin", "is a symbolic link to /usr/sbin: name the path under /usr"},
	{"/lib", "is a symbolic link to /usr/lib: name the path under /usr"},
	{"/lib64", "is a symbolic link to /usr/lib64: name the path under /usr"},
}

// checkEntries looks at each entry, and at whether each finds a directory to stand in.
func (d *Draft) checkEntries() []error {
	var errs []error
	all := map[string]Entry{}
	for _, entries := range d.entries {
		for _, e := range entries {
			all[e.Path] = e
		}
	}
	for _, entries := range d.entries {
		for _, e := range entries {
			if err := e.place(); err != nil {
				errs = append(errs, atEntry(e, err))
				continue
			}
			for dir := path.Dir(e.Path); dir != "/"; dir = path.Dir(dir) {
				if up, ok := all[dir]; ok && !up.Mode.IsDir() {
					errs = append(errs, atEntry(e, fmt.Errorf("needs the directory %s, which %s makes a %s", dir, list(up.Features), typeName(up.Mode))))
				}
			}
		}
	}
	return errs
}

// place is check for an entry of the image.
func (e Entry) place() error {
	if err := e.check(); err != nil {
		return err
	}
	for _, k := range kept {
		if below(e.Path, k.dir) {
			return fmt.Errorf("%s %s", k.dir, k.why)
		}
	}
	if e.Mode.Type() == fs.ModeSymlink && below(resolveLink(e.Path, e.Link), "/usr/etc") {
		return fmt.Errorf("its target %s is in /usr/etc, which makes the import of the image fail: name the path in /etc", e.Link)
	}
	return nil
}

// check looks at what holds for an entry wherever it is put.
func (e Entry) check() error {
	switch {
	case !path.IsAbs(e.Path):
		return errors.New("must be an absolute path")
	case e.Path == "/":
		return errors.New("is the root itself")
	case strings.ContainsFunc(e.Path, control) || !utf8.ValidString(e.Path):
		return errors.New("has control characters or bytes that are not UTF-8, which the import of the image refuses")
	case path.Clean(e.Path) != e.Path:
		return fmt.Errorf("must be a clean path: %s", path.Clean(e.Path))
	case len(e.Path) > 4095 || slices.ContainsFunc(strings.Split(e.Path, "/"), func(s string) bool { return len(s) > 255 }):
		return errors.New("is longer than Linux allows: 255 bytes for a name, 4095 for the path")
	}
	if e.UID < 0 || e.GID < 0 || uint64(e.UID) >= 1<<32-1 || uint64(e.GID) >= 1<<32-1 {
		return fmt.Errorf("owner %d:%d is not a pair of numeric ids", e.UID, e.GID)
	}
	if extra := e.Mode &^ (fs.ModeType | fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky); extra != 0 {
		return fmt.Errorf("mode %v: only permissions, setuid, setgid and sticky bits are allowed; they are fs.ModeSetuid and so on, not 0o4000", e.Mode)
	}
	switch e.Mode.Type() {
	case 0:
		if _, err := e.Content.Size(); err != nil {
			return err
		}
	case fs.ModeDir:
	case fs.ModeSymlink:
		return checkLink(e.Path, e.Link)
	default:
		return fmt.Errorf("is a %s: an image carries only files, directories and symbolic links; let a tmpfiles.d rule make it at boot", e.Mode.Type())
	}
	return nil
}

func checkLink(name, target string) error {
	switch {
	case target == "":
		return errors.New("is a symbolic link without a target")
	case strings.ContainsFunc(target, control) || !utf8.ValidString(target):
		return fmt.Errorf("its target %q has control characters or bytes that are not UTF-8", target)
	case len(target) > 4095:
		return errors.New("its target is longer than the 4095 bytes that Linux allows")
	case resolveLink(name, target) == name:
		return errors.New("is a symbolic link to itself")
	}
	if !path.IsAbs(target) {
		depth := strings.Count(name, "/") - 1 // of the directory that the target starts from
		for part := range strings.SplitSeq(target, "/") {
			switch part {
			case "", ".":
			case "..":
				if depth--; depth < 0 {
					return fmt.Errorf("its target %s climbs above /", target)
				}
			default:
				depth++
			}
		}
	}
	return nil
}

// resolveLink is where a symbolic link points, by its text alone.
func resolveLink(name, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(path.Dir(name), target)
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

func below(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }
