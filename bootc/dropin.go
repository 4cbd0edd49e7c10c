package bootc

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// DropIn is a file in a directory whose files a program reads together, so that its own configuration file stays as
// the distribution ships it. It knows the directories: a name that the program would ignore without a word, and
// content that it could not parse, are errors. Static configuration belongs in the directory below /usr (UsrPath);
// /etc wins over it and is the place for what a site or device changes.
type DropIn struct {
	// Path is absolute and clean, such as /usr/lib/sysctl.d/50-edge.conf. A directory that DropIn does not know is
	// an error; use File there.
	Path string
	// Content of the file, UTF-8.
	Content string
	// Mode are the permissions; the zero value is 0644, or what the program demands (sudoers.d: 0440).
	Mode fs.FileMode `json:",omitzero"`
}

// DropIn adds a drop-in file with text; see DropIn.
func (s Spec) DropIn(path, text string) Spec { return s.With(DropIn{Path: path, Content: text}) }

// dropInDir is a drop-in directory. The patterns are those of path.Match.
type dropInDir struct {
	etc, usr string // the two places of the same class; empty where there is none
	ext      string // of the names that the program reads; names with another one it ignores
	mode     fs.FileMode
	check    func(text string) error // nil: no cheap check exists
}

// dropInDirs has as source the manual page of each program. Directories that only some distributions read, such as
// /etc/chrony.d, are not here: a file there may be ignored, and nobody would tell.
var dropInDirs = []dropInDir{
	{"/etc/sysctl.d", "/usr/lib/sysctl.d", ".conf", 0o644, checkSysctl},
	{"/etc/modules-load.d", "/usr/lib/modules-load.d", ".conf", 0o644, checkModules},
	{"/etc/modprobe.d", "/usr/lib/modprobe.d", ".conf", 0o644, checkModprobe},
	{"/etc/tmpfiles.d", "/usr/lib/tmpfiles.d", ".conf", 0o644, nil},
	{"/etc/sysusers.d", "/usr/lib/sysusers.d", ".conf", 0o644, nil},
	{"/etc/binfmt.d", "/usr/lib/binfmt.d", ".conf", 0o644, nil},
	{"/etc/environment.d", "/usr/lib/environment.d", ".conf", 0o644, nil},
	{"/etc/profile.d", "", ".sh", 0o644, nil},
	{"/etc/systemd/system/*.d", "/usr/lib/systemd/system/*.d", ".conf", 0o644, checkINI},
	{"/etc/systemd/user/*.d", "/usr/lib/systemd/user/*.d", ".conf", 0o644, checkINI},
	{"/etc/systemd/network/*.d", "/usr/lib/systemd/network/*.d", ".conf", 0o644, checkINI},
	{"/etc/systemd/*.conf.d", "/usr/lib/systemd/*.conf.d", ".conf", 0o644, checkINI}, // journald, logind, resolved, …
	{"/etc/systemd/system-preset", "/usr/lib/systemd/system-preset", ".preset", 0o644, nil},
	{"/etc/udev/rules.d", "/usr/lib/udev/rules.d", ".rules", 0o644, nil},
	{"/etc/udev/hwdb.d", "/usr/lib/udev/hwdb.d", ".hwdb", 0o644, nil},
	{"/etc/dracut.conf.d", "/usr/lib/dracut/dracut.conf.d", ".conf", 0o644, nil},
	{"/etc/NetworkManager/conf.d", "/usr/lib/NetworkManager/conf.d", ".conf", 0o644, checkINI},
	{"/etc/polkit-1/rules.d", "/usr/share/polkit-1/rules.d", ".rules", 0o644, nil},
	{"/etc/containers/containers.conf.d", "/usr/share/containers/containers.conf.d", ".conf", 0o644, checkTOML},
	{"/etc/containers/systemd/*.d", "/usr/share/containers/systemd/*.d", ".conf", 0o644, checkINI}, // of quadlets
	{"/etc/containers/registries.conf.d", "", ".conf", 0o644, checkTOML},
	{"/etc/containers/registries.d", "", ".yaml", 0o644, nil},
	{"/etc/ssh/sshd_config.d", "", ".conf", 0o600, checkSSHD},
	{"/etc/ssh/ssh_config.d", "", ".conf", 0o644, nil},
	{"/etc/sudoers.d", "", "", 0o440, checkSudoers},
	{"/etc/chrony/conf.d", "", ".conf", 0o644, nil}, // Debian
	{"/etc/chrony/sources.d", "", ".sources", 0o644, nil},
	{"/etc/audit/rules.d", "", ".rules", 0o600, nil},
	{"/etc/rsyslog.d", "", ".conf", 0o644, nil},
	{"/etc/cron.d", "", "", 0o644, nil},
	{"/etc/security/limits.d", "", ".conf", 0o644, nil},
	{"/etc/ld.so.conf.d", "", ".conf", 0o644, nil},
	{"/etc/depmod.d", "/usr/lib/depmod.d", ".conf", 0o644, nil},
	{"/etc/issue.d", "/usr/lib/issue.d", ".issue", 0o644, nil},
	{"/etc/cloud/cloud.cfg.d", "", ".cfg", 0o644, nil},
	{"/etc/dnsmasq.d", "", ".conf", 0o644, nil},
	{"/etc/exports.d", "", ".exports", 0o644, nil},
	{"/etc/multipath/conf.d", "", ".conf", 0o644, nil},
	{"/etc/security/pwquality.conf.d", "", ".conf", 0o644, nil},
	{"/etc/sssd/conf.d", "", ".conf", 0o600, checkINI},
	{"/etc/krb5.conf.d", "", ".conf", 0o644, nil},
	{"/etc/logrotate.d", "", "", 0o644, nil},
	{"/etc/httpd/conf.d", "", ".conf", 0o644, nil},
	{"/etc/nginx/conf.d", "", ".conf", 0o644, nil},
	{"/etc/motd.d", "/usr/lib/motd.d", "", 0o644, nil},
	{"", "/usr/lib/bootc/kargs.d", ".toml", 0o644, checkKargs},
	{"/etc/bootc/install", "/usr/lib/bootc/install", ".toml", 0o644, checkInstall},
}

// dirOf finds the class of a path, and whether the path is the one in /etc.
func dirOf(p string) (class dropInDir, inEtc, ok bool) {
	dir := path.Dir(p)
	for _, c := range dropInDirs {
		if match, _ := path.Match(c.etc, dir); match {
			return c, true, true
		}
		if match, _ := path.Match(c.usr, dir); match {
			return c, false, true
		}
	}
	return dropInDir{}, false, false
}

var (
	quietName  = lazyregexp.New(`^[A-Za-z0-9_-]+$`)
	dottedName = lazyregexp.New(`^[A-Za-z0-9_@%+-][A-Za-z0-9._@%:+-]*$`)
)

// Contribute adds the file.
func (f DropIn) Contribute(d *Draft) error { return f.put(d, PhaseFiles) }

func (f DropIn) put(d *Draft, phase Phase) error {
	if err := checkPath("Path", f.Path); err != nil {
		return err
	}
	class, _, ok := dirOf(f.Path)
	if !ok {
		return Errorf("Path", "%s is not a drop-in directory that is known here; File puts a file anywhere", path.Dir(f.Path))
	}
	name := path.Base(f.Path)
	var errs []error
	switch {
	case class.ext == "" && !quietName.MatchString(name):
		errs = append(errs, Errorf("Path", "%s would be ignored: names in %s are letters, digits, - and _, without dots", name, path.Dir(f.Path)))
	case class.ext != "" && (!strings.HasSuffix(name, class.ext) || name == class.ext):
		errs = append(errs, Errorf("Path", "%s would be ignored: names in %s end in %s", name, path.Dir(f.Path), class.ext))
	case !dottedName.MatchString(name):
		errs = append(errs, Errorf("Path", "%q is not a name for a drop-in: letters, digits and . _ @ %% : + -", name))
	}
	errs = append(errs, checkMode("Mode", f.Mode))
	if !utf8.ValidString(f.Content) {
		errs = append(errs, Errorf("Content", "is not UTF-8"))
	} else if class.check != nil {
		for _, err := range flatten(class.check(f.Content)) {
			errs = append(errs, &FieldError{"Content", err})
		}
	}
	if err := join(errs); err != nil {
		return err
	}
	d.Put(phase, Entry{Path: f.Path, Mode: cmp.Or(f.Mode, class.mode), Content: Text(f.Content)})
	return nil
}

// content yields the lines that are neither empty nor comments, with their numbers.
func content(text, comment string, yield func(n int, line string) error) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.ContainsRune(comment, rune(line[0])) {
			continue
		}
		if err := yield(n, line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

// checkSysctl knows sysctl.d(5): key = value, or -key to exclude it from a pattern.
func checkSysctl(text string) error {
	return content(text, "#;", func(_ int, line string) error {
		key, _, ok := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); !ok && !strings.HasPrefix(line, "-") || key == "" || strings.ContainsAny(key, " \t") {
			return fmt.Errorf("%q is not key=value", line)
		}
		return nil
	})
}

// checkModules knows modules-load.d(5): one module a line.
func checkModules(text string) error {
	return content(text, "#;", func(_ int, line string) error {
		if !quietName.MatchString(line) {
			return fmt.Errorf("%q is not the name of one module", line)
		}
		return nil
	})
}

// checkModprobe knows modprobe.d(5).
func checkModprobe(text string) error {
	return content(strings.ReplaceAll(text, "\\\n", " "), "#", func(_ int, line string) error {
		words := strings.Fields(line)
		least := map[string]int{"alias": 3, "blacklist": 2, "install": 3, "options": 3, "remove": 3, "softdep": 3, "weakdep": 3}[words[0]]
		if least == 0 {
			return fmt.Errorf("%q is not a command of modprobe.d: alias, blacklist, install, options, remove, softdep", words[0])
		}
		if len(words) < least {
			return errors.New(words[0] + " lacks an argument")
		}
		return nil
	})
}
