package bootc

import (
	"path"
	"strings"
)

// usrHomes are directories of /etc, other than those for drop-ins, that a program reads together with one below /usr, where
// static files belong; a file in /etc wins over the one of the same name. The patterns are those of path.Match, and the source is the manual page
// of each program.
var usrHomes = []struct{ etc, usr string }{
	{"/etc/systemd/system", "/usr/lib/systemd/system"},
	{"/etc/systemd/user", "/usr/lib/systemd/user"},
	{"/etc/systemd/network", "/usr/lib/systemd/network"},
	{"/etc/systemd/user-preset", "/usr/lib/systemd/user-preset"},
	{"/etc/systemd/system-generators", "/usr/lib/systemd/system-generators"},
	{"/etc/containers/systemd", "/usr/share/containers/systemd"},
	{"/etc/NetworkManager/system-connections", "/usr/lib/NetworkManager/system-connections"},
	{"/etc/NetworkManager/dispatcher.d", "/usr/lib/NetworkManager/dispatcher.d"},
	{"/etc/firewalld/zones", "/usr/lib/firewalld/zones"},
	{"/etc/firewalld/services", "/usr/lib/firewalld/services"},
	{"/etc/firewalld/policies", "/usr/lib/firewalld/policies"},
	{"/etc/firewalld/ipsets", "/usr/lib/firewalld/ipsets"},
	{"/etc/pki/ca-trust/source/anchors", "/usr/share/pki/ca-trust-source/anchors"},
	{"/etc/dbus-1/system.d", "/usr/share/dbus-1/system.d"},
	{"/etc/flightctl/hooks.d/*", "/usr/lib/flightctl/hooks.d/*"},
	{"/etc/greenboot/check/required.d", "/usr/lib/greenboot/check/required.d"},
	{"/etc/greenboot/check/wanted.d", "/usr/lib/greenboot/check/wanted.d"},
	{"/etc/greenboot/green.d", "/usr/lib/greenboot/green.d"},
	{"/etc/greenboot/red.d", "/usr/lib/greenboot/red.d"},
	{"/etc/ostree", "/usr/lib/ostree"}, // prepare-root.conf, auth.json
}

// UsrPath turns the path of a file in /etc into that of the same one below /usr, where static configuration belongs: the
// image alone defines it, and a file in /etc with the same name still overrides it. It knows drop-ins, units, quadlets and others.
// Paths that are there already come back as they are; false means that the program reads no directory below /usr, or
// that the directory is not known here.
func UsrPath(p string) (string, bool) {
	if class, inEtc, ok := dirOf(p); ok {
		if inEtc {
			return moved(p, class.etc, class.usr)
		}
		return p, true
	}
	dir := path.Dir(p)
	for _, h := range usrHomes {
		if match, _ := path.Match(h.etc, dir); match {
			return moved(p, h.etc, h.usr)
		}
		if match, _ := path.Match(h.usr, dir); match {
			return p, true
		}
	}
	return "", false
}

// moved puts a path below another directory. What comes before the first wildcard of both patterns is what differs.
func moved(p, etc, usr string) (string, bool) {
	if usr == "" {
		return "", false
	}
	from, to := strings.SplitN(etc, "*", 2), strings.SplitN(usr, "*", 2)
	return to[0] + strings.TrimPrefix(p, from[0]), true
}

// aggregates are configuration files of which a program has a directory for drop-ins as well, which is in dropInDirs.
var aggregates = []struct{ file, dir string }{
	{"/etc/sudoers", "/etc/sudoers.d"},
	{"/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d"},
	{"/etc/ssh/ssh_config", "/etc/ssh/ssh_config.d"},
	{"/etc/sysctl.conf", "/etc/sysctl.d"},
	{"/etc/systemd/*.conf", "/etc/systemd/*.conf.d"},
	{"/etc/NetworkManager/NetworkManager.conf", "/etc/NetworkManager/conf.d"},
	{"/etc/crontab", "/etc/cron.d"},
	{"/etc/containers/containers.conf", "/etc/containers/containers.conf.d"},
	{"/etc/containers/registries.conf", "/etc/containers/registries.conf.d"},
	{"/etc/profile", "/etc/profile.d"},
	{"/etc/bashrc", "/etc/profile.d"},
	{"/etc/bash.bashrc", "/etc/profile.d"},
	{"/etc/ld.so.conf", "/etc/ld.so.conf.d"},
	{"/etc/security/limits.conf", "/etc/security/limits.d"},
	{"/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d"},
	{"/etc/modules", "/etc/modules-load.d"},
	{"/etc/modprobe.conf", "/etc/modprobe.d"},
	{"/etc/rsyslog.conf", "/etc/rsyslog.d"},
	{"/etc/audit/audit.rules", "/etc/audit/rules.d"},
	{"/etc/logrotate.conf", "/etc/logrotate.d"},
	{"/etc/dracut.conf", "/etc/dracut.conf.d"},
	{"/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d"},
	{"/etc/dnsmasq.conf", "/etc/dnsmasq.d"},
	{"/etc/exports", "/etc/exports.d"},
	{"/etc/sssd/sssd.conf", "/etc/sssd/conf.d"},
	{"/etc/krb5.conf", "/etc/krb5.conf.d"},
	{"/etc/httpd/conf/httpd.conf", "/etc/httpd/conf.d"},
	{"/etc/nginx/nginx.conf", "/etc/nginx/conf.d"},
	{"/etc/multipath.conf", "/etc/multipath/conf.d"},
}

// DropInPath returns where a drop-in with the name goes that adds to the configuration file, below /usr if the program
// looks there: /usr/lib/sysctl.d/50-edge.conf for /etc/sysctl.conf and 50-edge. The file itself then stays as the distribution
// ships it, and its updates reach devices. ok is false if the program has no directory for drop-ins, or none that is known here.
func DropInPath(file, name string) (p string, ok bool) {
	for _, a := range aggregates {
		if match, _ := path.Match(a.file, file); !match {
			continue
		}
		dir := a.dir
		if strings.Contains(dir, "*") {
			dir = file + ".d"
		}
		class, _, _ := dirOf(path.Join(dir, "x"))
		p = path.Join(dir, name+class.ext)
		if usr, inUsr := UsrPath(p); inUsr {
			p = usr
		}
		return p, true
	}
	return "", false
}
