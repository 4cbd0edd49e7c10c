package lint

import (
	"slices"
	"strings"
)

// packageTools are the programs that install packages of the system, with the verbs that change it.
var packageTools = map[string][]string{
	"dnf":        dnfVerbs,
	"dnf5":       dnfVerbs,
	"yum":        dnfVerbs,
	"microdnf":   dnfVerbs,
	"apt":        aptVerbs,
	"apt-get":    aptVerbs,
	"aptitude":   aptVerbs,
	"zypper":     strings.Fields("install in update up upgrade dist-upgrade dup patch remove rm"),
	"apk":        strings.Fields("add del upgrade fix"),
	"pkcon":      strings.Fields("install install-local update remove upgrade-system offline-trigger"),
	"rpm-ostree": strings.Fields("install uninstall override upgrade update rebase deploy usroverlay apply-live"),
}

var (
	dnfVerbs = strings.Fields(`install localinstall reinstall update upgrade upgrade-minimal update-minimal downgrade remove erase autoremove
		distro-sync swap group groupinstall groupupdate module system-upgrade offline-upgrade offline-distrosync builddep debuginfo-install`)
	aptVerbs = strings.Fields("install reinstall remove purge upgrade full-upgrade dist-upgrade dselect-upgrade build-dep autoremove autopurge safe-upgrade")
	dnfFlags = []string{"-c", "-d", "-e", "-x", "--config", "--installroot", "--releasever", "--setopt", "--enablerepo", "--disablerepo", "--repo", "--repoid", "--repofrompath", "--exclude", "--nogpgcheck"}
	aptFlags = []string{"-o", "-t", "-c", "--target-release", "--option", "--config-file"}
)

// packageVerb is what a command does to the packages of the system, such as "install"; "" if it does nothing to them, or to those of
// another root.
func packageVerb(c *Command) string {
	if c.Has("--installroot", "--root", "--downloadonly", "--download-only", "--assumeno", "--dry-run", "--simulate", "--just-print") {
		return ""
	}
	verbs, known := packageTools[c.Name]
	if known {
		flags := dnfFlags
		if strings.HasPrefix(c.Name, "apt") {
			flags = aptFlags
			if c.Has("-s", "-d") {
				return ""
			}
		}
		if verb := c.Verb(flags...); slices.Contains(verbs, verb) {
			return verb
		}
		return ""
	}
	switch c.Name {
	case "rpm":
		for _, flag := range []string{"--install", "--upgrade", "--freshen", "--erase", "--reinstall"} {
			if c.Has(flag) && !c.Has("--test") {
				return flag[2:]
			}
		}
		for _, w := range c.Args {
			if len(w.Text) > 1 && w.Text[0] == '-' && strings.IndexByte("iUFe", w.Text[1]) >= 0 && !c.Has("--test", "-q") {
				return map[byte]string{'i': "install", 'U': "upgrade", 'F': "freshen", 'e': "erase"}[w.Text[1]]
			}
		}
	case "dpkg":
		if c.Has("-i", "--install") {
			return "install"
		}
	}
	return ""
}

// isPackageTool says whether the command is one of those that packageVerb knows.
func isPackageTool(c *Command) bool {
	_, ok := packageTools[c.Name]
	return ok || c.Is("rpm", "dpkg")
}
