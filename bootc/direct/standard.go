package direct

import "strings"

// standard are the directories that every bootable base has as 0755 root:root, or that are right so where a base lacks
// them: the top of the hierarchy (hier(7), file-hierarchy(7), Fedora's package filesystem, Debian's base-files), and
// those that systemd, bootc and containers read drop-ins from. One that a distribution closes to others (sudoers.d,
// ssh/sshd_config.d, …) or has as a symbolic link (usr/local, opt, …) has no place here.
var standard = func() map[string]bool {
	out := map[string]bool{}
	for _, line := range strings.Fields(`
etc etc/systemd etc/systemd/system etc/containers etc/containers/registries.d etc/containers/registries.conf.d etc/pki
etc/pki/containers etc/modprobe.d etc/modules-load.d etc/sysctl.d etc/tmpfiles.d etc/profile.d etc/NetworkManager
etc/NetworkManager/conf.d
usr usr/bin usr/lib usr/libexec usr/sbin usr/share
usr/lib/binfmt.d usr/lib/bootc usr/lib/bootc/bound-images.d usr/lib/bootc/install usr/lib/bootc/kargs.d usr/lib/dracut
usr/lib/environment.d usr/lib/firmware usr/lib/modprobe.d usr/lib/modules usr/lib/modules-load.d usr/lib/sysctl.d
usr/lib/sysusers.d usr/lib/tmpfiles.d usr/lib/udev usr/lib/udev/rules.d usr/lib/udev/hwdb.d usr/lib/NetworkManager
usr/lib/NetworkManager/conf.d usr/lib/NetworkManager/system-connections
usr/lib/systemd usr/lib/systemd/system usr/lib/systemd/user usr/lib/systemd/system-preset usr/lib/systemd/user-preset
usr/lib/systemd/network usr/lib/systemd/journald.conf.d usr/lib/systemd/logind.conf.d usr/lib/systemd/resolved.conf.d
usr/lib/systemd/system.conf.d usr/lib/systemd/timesyncd.conf.d
usr/share/containers usr/share/containers/systemd usr/share/pki usr/share/polkit-1 usr/share/doc usr/share/bootloom
`) {
		out[line] = true
	}
	return out
}()

// isStandard says that a directory, by its path without the first slash, needs no look at the base. Below the
// directories of units are those of drop-ins and links (app.service.d, multi-user.target.wants), which are as public.
func isStandard(dir string) bool {
	if standard[dir] {
		return true
	}
	for _, units := range []string{"usr/lib/systemd/system/", "etc/systemd/system/", "usr/lib/systemd/user/"} {
		if name, ok := strings.CutPrefix(dir, units); ok && !strings.Contains(name, "/") {
			return strings.HasSuffix(name, ".d") || strings.HasSuffix(name, ".wants") || strings.HasSuffix(name, ".requires") || strings.HasSuffix(name, ".upholds")
		}
	}
	return false
}
