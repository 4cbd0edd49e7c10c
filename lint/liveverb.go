package lint

import (
	"slices"
	"strings"
)

// verdict is what of a command needs a running system, how bad that is, and what to do instead.
type verdict struct {
	what     string
	severity Severity
	fix      string
}

// liveVerbs of systemctl have no effect without a running systemd, or fail.
var liveVerbs = strings.Fields(`start restart stop reload try-restart reload-or-restart try-reload-or-restart isolate kill daemon-reload daemon-reexec
	reboot poweroff halt kexec soft-reboot suspend hibernate default rescue emergency set-property set-environment`)

// liveCommands need a running system, whatever their arguments are.
var liveCommands = map[string]string{
	"timedatectl": "ln -s ../usr/share/zoneinfo/Europe/Berlin /etc/localtime sets the time zone",
	"hostnamectl": "the hostname comes with provisioning, or from DHCP",
	"localectl":   "write /etc/locale.conf and /etc/vconsole.conf",
	"loginctl":    "touch /var/lib/systemd/linger/USER by a line of tmpfiles.d keeps a user's units running",
	"nmcli":       "write a connection to /usr/lib/NetworkManager/system-connections",
	"setenforce":  "SELINUX= in /etc/selinux/config",
	"swapon":      "a .swap unit",
	"swapoff":     "mask the .swap unit",
	"insmod":      "a file in /usr/lib/modules-load.d names the module",
	"rmmod":       "a file in /usr/lib/modprobe.d can blacklist the module",
	"reboot":      "leave it out: a build has nothing to boot",
	"poweroff":    "leave it out: a build has nothing to stop",
	"shutdown":    "leave it out: a build has nothing to stop",
	"udevadm":     "rules in /usr/lib/udev/rules.d are read at boot",
}

// liveVerb says what of a command in a build needs a running system.
func liveVerb(c *Command) verdict {
	if c.Has("--help", "--version") {
		return verdict{}
	}
	switch c.Name {
	case "systemctl":
		const boot = "systemctl enable starts a unit at boot; units and drop-ins are read then without daemon-reload"
		if c.Has("--root", "--global", "--user") {
			return verdict{}
		}
		if c.Has("--now") {
			return verdict{"systemctl " + c.Verb() + " --now", Error, "leave out --now: the unit is started at boot"}
		}
		if verb := c.Verb("-t", "-p", "-H", "-M"); slices.Contains(liveVerbs, verb) {
			return verdict{"systemctl " + verb, Error, boot}
		}
		return verdict{}
	case "service":
		if ops := c.Operands(); len(ops) > 1 && !strings.HasPrefix(ops[1].Text, "status") {
			return verdict{"service " + ops[1].Text, Warning, "systemctl enable starts a unit at boot"}
		}
		return verdict{}
	case "firewall-cmd":
		return verdict{c.Name, Warning, "firewall-offline-cmd takes the same arguments; or write a service or zone to /usr/lib/firewalld"}
	case "sysctl":
		if c.Has("-w", "-p", "--write", "--load", "--system") || slices.ContainsFunc(c.Operands(), func(w Word) bool { return strings.Contains(w.Text, "=") }) {
			return verdict{"sysctl", Warning, "write the setting to /usr/lib/sysctl.d/50-local.conf"}
		}
		return verdict{}
	case "modprobe":
		if !c.Has("-n", "--dry-run", "--show-depends", "-D", "--showconfig", "-c", "--resolve-alias", "-R") {
			return verdict{c.Name, Warning, "a file in /usr/lib/modules-load.d names the module"}
		}
		return verdict{}
	case "mount", "umount":
		if len(c.Operands("-t", "-o", "--types", "--options")) > 0 || c.Has("-a", "--all") {
			return verdict{c.Name, Warning, "a .mount unit for the device; for the build RUN --mount"}
		}
		return verdict{}
	case "hostnamectl", "timedatectl", "localectl", "loginctl":
		if verb := c.Verb(); verb == "" || strings.HasPrefix(verb, "list") || strings.HasPrefix(verb, "status") || strings.HasPrefix(verb, "show") {
			return verdict{}
		}
	case "udevadm":
		if verb := c.Verb(); verb != "trigger" && verb != "settle" && verb != "control" {
			return verdict{}
		}
	}
	if fix, ok := liveCommands[c.Name]; ok {
		what := c.Name
		if verb := c.Verb(); verb != "" && strings.HasSuffix(c.Name, "ctl") {
			what += " " + verb
		}
		return verdict{what, Warning, fix}
	}
	return verdict{}
}
