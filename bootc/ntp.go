package bootc

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// NTP sets the machine's clock by the time servers of a site, and by no other: with chrony on Fedora and its kin, with
// systemd-timesyncd on Debian, unless Client says otherwise. Servers that DHCP names are used as well.
//
// timesyncd gets a drop-in below /usr. chrony's own file in /etc is replaced, since on Fedora it reads no directory, and
// a file beside it could not take the distribution's public pool away.
type NTP struct {
	// Servers are host names or addresses of one server each, Pools names that stand for several.
	Servers []string `json:",omitzero"`
	Pools   []string `json:",omitzero"`
	// NTS wants the servers to prove who they are (Network Time Security, RFC 8915); chrony only.
	NTS bool `json:",omitzero"`
	// NoDHCP leaves the servers aside that DHCP names; chrony only.
	NoDHCP bool `json:",omitzero"`
	// Client is "chrony" or "timesyncd"; the zero value is what the distribution has.
	Client string `json:",omitzero"`
}

var hostName = lazyregexp.New(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?$`)

// checkHosts takes host names and addresses.
func checkHosts(field string, hosts []string) error {
	var errs []error
	for i, h := range hosts {
		if _, err := netip.ParseAddr(h); err != nil && (!hostName.MatchString(h) || len(h) > 253) {
			errs = append(errs, Errorf(indexed(field, i), "%q is not a host name or an address", h))
		}
	}
	return join(errs)
}

// Contribute writes the client's file and enables it.
func (n NTP) Contribute(d *Draft) error {
	family, err := d.Family()
	if err != nil {
		return err
	}
	client := cmp.Or(n.Client, map[Family]string{Fedora: "chrony", Debian: "timesyncd"}[family])
	errs := []error{oneOf("Client", []string{client}, []string{"chrony", "timesyncd"})}
	errs = append(errs, checkHosts("Servers", n.Servers), checkHosts("Pools", n.Pools))
	switch {
	case len(n.Servers)+len(n.Pools) == 0:
		errs = append(errs, Errorf("Servers", "is empty, and so is Pools"))
	case client == "timesyncd" && family == Fedora:
		errs = append(errs, Errorf("Client", "Fedora and its kin have no timesyncd"))
	case client == "timesyncd" && n.NTS:
		errs = append(errs, Errorf("NTS", "timesyncd does not know it: set Client to chrony"))
	case client == "timesyncd" && n.NoDHCP:
		errs = append(errs, Errorf("NoDHCP", "timesyncd takes what the network has: set Client to chrony"))
	}
	if err := join(errs); err != nil {
		return err
	}
	if client == "timesyncd" {
		text := "[Time]\nNTP=" + strings.Join(slices.Concat(n.Servers, n.Pools), " ") + "\nFallbackNTP=\n"
		return join([]error{d.Use("", DropIn{Path: "/usr/lib/systemd/timesyncd.conf.d/50-bootloom.conf", Content: text}),
			d.install(software{name: "systemd-timesyncd", file: "/usr/lib/systemd/systemd-timesyncd", unit: "systemd-timesyncd.service"})})
	}
	c := chronyOf[family]
	d.Put(PhaseFiles, regular(c.conf, n.chrony(c)))
	return d.install(software{name: "chrony", file: "/usr/sbin/chronyd", unit: c.unit, stock: family == Fedora})
}

// chronyPaths is where a distribution has chrony's files.
type chronyPaths struct{ conf, keys, drift, unit string }

var chronyOf = map[Family]chronyPaths{
	Fedora: {"/etc/chrony.conf", "/etc/chrony.keys", "/var/lib/chrony/drift", "chronyd.service"},
	Debian: {"/etc/chrony/chrony.conf", "/etc/chrony/chrony.keys", "/var/lib/chrony/chrony.drift", "chrony.service"},
}

// chrony is chrony.conf(5) as distributions ship it, with other servers.
func (n NTP) chrony(c chronyPaths) string {
	options := " iburst"
	if n.NTS {
		options += " nts"
	}
	var lines []string
	for _, h := range n.Servers {
		lines = append(lines, "server "+h+options)
	}
	for _, h := range n.Pools {
		lines = append(lines, "pool "+h+options)
	}
	if !n.NoDHCP {
		lines = append(lines, "sourcedir /run/chrony-dhcp")
	}
	lines = append(lines, "driftfile "+c.drift, "ntsdumpdir /var/lib/chrony", "keyfile "+c.keys, "makestep 1.0 3", "rtcsync", "logdir /var/log/chrony")
	return strings.Join(lines, "\n") + "\n"
}
