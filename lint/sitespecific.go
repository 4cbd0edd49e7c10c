package lint

import (
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// siteFiles are the files that may hold what differs from one site or device to another, each with the function that says what. The same
// name counts in each of the directories.
var siteFiles = []struct {
	globs []string
	find  func(text string) (what string, line int)
}{
	{[]string{"/etc/hostname"}, siteHostname},
	{[]string{"/etc/machine-info"}, siteMachineInfo},
	{[]string{"/etc/hosts"}, siteHosts},
	{[]string{"/etc/resolv.conf"}, siteResolv},
	{[]string{"/etc/fstab"}, siteFstab},
	{[]string{"/etc/NetworkManager/system-connections/*", "/usr/lib/NetworkManager/system-connections/*"}, siteConnection},
	{[]string{"/etc/sysconfig/network-scripts/ifcfg-*"}, siteIfcfg},
	{[]string{"/etc/systemd/network/*.network", "/usr/lib/systemd/network/*.network"}, siteNetwork},
	{[]string{"/etc/wireguard/*.conf", "/usr/lib/wireguard/*.conf"}, siteWireGuard},
	{[]string{kargsDir + "/*.toml"}, siteKargs},
}

// siteWants are for rules that call siteSpecific.
func siteWants() []Want {
	var out []Want
	for _, s := range siteFiles {
		out = append(out, Reading(s.globs...)...)
	}
	return out
}

// siteSpecific says what of a file differs from one site or device to another, and on what line; "" if nothing is known to.
func siteSpecific(file *File) (what string, line int) {
	if !file.IsRegular() || len(file.Part()) == 0 {
		return "", 0
	}
	for _, s := range siteFiles {
		if slices.ContainsFunc(s.globs, func(g string) bool { ok, _ := path.Match(g, file.Path); return ok }) {
			return s.find(string(file.Part()))
		}
	}
	return "", 0
}

// eachLine calls f for the lines that are no comments, until it finds something.
func eachLine(text, comments string, f func(line string) string) (what string, n int) {
	for n, line := range configLines(text, comments) {
		if what := f(line); what != "" {
			return what, n
		}
	}
	return "", 0
}

func siteHostname(text string) (string, int) {
	return eachLine(text, "#", func(line string) string {
		if slices.Contains([]string{"localhost", "localhost.localdomain", "fedora", "(none)"}, line) {
			return ""
		}
		return "the hostname " + line
	})
}

func siteMachineInfo(text string) (string, int) {
	return eachLine(text, "#", func(line string) string {
		if key, value, _ := strings.Cut(line, "="); (key == "PRETTY_HOSTNAME" || key == "LOCATION") && strings.Trim(value, `"'`) != "" {
			return key + " of one device"
		}
		return ""
	})
}

func siteHosts(text string) (string, int) {
	return eachLine(text, "#", func(line string) string {
		fields := strings.Fields(line)
		addr, err := netip.ParseAddr(fields[0])
		if err != nil || len(fields) < 2 || addr.IsLoopback() || addr.IsMulticast() || addr.IsUnspecified() || addr.IsLinkLocalUnicast() && addr.Is6() && strings.HasPrefix(fields[1], "ip6-") ||
			strings.HasPrefix(fields[1], "ip6-") {
			return ""
		}
		return "the address of " + fields[1]
	})
}

func siteResolv(text string) (string, int) {
	return eachLine(text, "#;", func(line string) string {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" && !strings.HasPrefix(fields[1], "127.") && fields[1] != "::1" {
			return "the name server " + fields[1]
		}
		return ""
	})
}

func siteFstab(text string) (string, int) {
	return eachLine(text, "#", func(line string) string {
		device := strings.Fields(line)[0]
		for _, prefix := range []string{"UUID=", "PARTUUID=", "/dev/disk/by-uuid/", "/dev/disk/by-partuuid/", "/dev/disk/by-id/"} {
			if strings.HasPrefix(device, prefix) {
				return "the disk of one device, " + device
			}
		}
		return ""
	})
}

// siteConnection is for connections of NetworkManager.
func siteConnection(text string) (string, int) {
	k, _, _ := parseKeyFile(text)
	for _, g := range k {
		for _, v := range g.keys {
			switch {
			case (g.name == "ipv4" || g.name == "ipv6") && addressKey.MatchString(v.key) && v.value != "" && k.get(g.name, "method") != "shared": // a network of the device's own
				return "the address " + v.value, v.line
			case (g.name == "wifi" || g.name == "802-11-wireless") && v.key == "ssid" && v.value != "":
				return "the wireless network " + v.value, v.line
			case (g.name == "802-1x" || g.name == "wifi-security" || g.name == "802-11-wireless-security") && slices.Contains([]string{"psk", "password", "private-key-password", "identity"}, v.key) && v.value != "":
				return "the " + v.key + " of a network", v.line
			}
		}
	}
	return "", 0
}

var addressKey = lazyregexp.New(`^address(es)?\d*$`)

func siteIfcfg(text string) (string, int) {
	return eachLine(text, "#", func(line string) string {
		key, value, _ := strings.Cut(line, "=")
		if value = strings.Trim(value, `"'`); (key == "IPADDR" || key == "IPADDR0" || key == "IPV6ADDR" || key == "HWADDR") && value != "" {
			return "the address " + value
		}
		return ""
	})
}

// siteNetwork is for files of systemd-networkd.
func siteNetwork(text string) (string, int) {
	k, _, _ := parseKeyFile(text)
	for _, g := range k {
		for _, v := range g.keys {
			prefix, err := netip.ParsePrefix(v.value)
			if (g.name == "Network" || g.name == "Address") && v.key == "Address" && err == nil && !prefix.Addr().IsLinkLocalUnicast() && !prefix.Addr().IsLoopback() && !prefix.Addr().IsUnspecified() {
				return "the address " + v.value, v.line
			}
		}
	}
	return "", 0
}

func siteWireGuard(text string) (string, int) {
	k, _, _ := parseKeyFile(text)
	for _, v := range k.all("Interface", "Address") {
		return "the address " + v.value, v.line
	}
	return "", 0
}

// siteKargs is for kernel arguments: ip= with an address (dracut.cmdline(7)).
func siteKargs(text string) (string, int) {
	kargs, _, err := parseKargs(text)
	if err != nil {
		return "", 0
	}
	for _, arg := range kargs.Kargs {
		value, ok := strings.CutPrefix(arg, "ip=")
		first, _, _ := strings.Cut(value, ":")
		if v6, isV6 := strings.CutPrefix(value, "["); isV6 {
			first, _, _ = strings.Cut(v6, "]")
		}
		if _, err := netip.ParseAddr(first); ok && err == nil {
			return "the address in " + arg, lineOf(text, arg)
		}
	}
	return "", 0
}
