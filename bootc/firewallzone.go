package bootc

import (
	"encoding/xml"
	"net/netip"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// FirewallZone is a zone of firewalld: what may come in by some interfaces, or from some addresses. The file is in
// /usr/lib/firewalld/zones, so the image alone defines it; a site's file of the same name in /etc/firewalld takes its
// place. Source: firewalld.zone(5). Zones of firewalld's own are no place for the rules of an image: a zone has a name of
// its own, and may be the default.
//
// firewalld is installed if the base lacks it, and enabled; in the image it checks all its files, so that one that it
// would not start with ends the build. Debian's cloud-init cannot be installed beside it.
type FirewallZone struct {
	// Name of the zone: letters, digits, "-" and "_", at most 17.
	Name string
	// Default makes it the zone of every interface that no zone is for. That is a setting of /etc/firewalld/firewalld.conf,
	// which firewalld's own tool changes in the image. firewalld's own default lets ssh and dhcpv6-client in.
	Default bool `json:",omitzero"`
	// Target is what happens to what nothing here lets in: "default" (refused, but for ICMP), "ACCEPT", "DROP" or
	// "REJECT"; the zero value is default.
	Target string `json:",omitzero"`
	// Interfaces and Sources say what the zone is for: interface names, and addresses or networks.
	Interfaces []string `json:",omitzero"`
	Sources    []string `json:",omitzero"`
	// Services that are let in: those of firewalld ("ssh", "dhcpv6-client", "https") and of a FirewallService.
	Services []string `json:",omitzero"`
	// Ports that are let in: "8080/tcp", "5000-5010/udp"; the protocols are tcp, udp, sctp and dccp.
	Ports []string `json:",omitzero"`
	// Masquerade hides what comes from other zones behind the machine's own address.
	Masquerade bool `json:",omitzero"`
	// NoForward keeps what comes in by one interface of the zone from going out by another.
	NoForward bool `json:",omitzero"`
}

// zoneXML is the format of a zone; firewalld does not care for the order of its elements.
type (
	zoneXML struct {
		XMLName    xml.Name     `xml:"zone"`
		Target     string       `xml:"target,attr,omitempty"`
		Short      string       `xml:"short"`
		Interfaces []nameXML    `xml:"interface"`
		Sources    []addressXML `xml:"source"`
		Services   []nameXML    `xml:"service"`
		Ports      []portXML    `xml:"port"`
		Masquerade *struct{}    `xml:"masquerade"`
		Forward    *struct{}    `xml:"forward"`
	}
	nameXML struct {
		Name string `xml:"name,attr"`
	}
	addressXML struct {
		Address string `xml:"address,attr"`
	}
)

// ownZones are those that firewalld and distributions ship.
var ownZones = strings.Fields("block dmz drop external home internal nm-shared public trusted work libvirt libvirt-routed docker FedoraServer FedoraWorkstation")

var (
	firewallName  = lazyregexp.New(`^[A-Za-z0-9_-]+$`)
	interfaceName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,14}\+?$`)
)

// Contribute adds the file, and asks for firewalld.
func (z FirewallZone) Contribute(d *Draft) error {
	var errs []error
	switch {
	case !firewallName.MatchString(z.Name) || len(z.Name) > 17:
		errs = append(errs, Errorf("Name", "%q is not the name of a zone: letters, digits, - and _, at most 17", z.Name))
	case slices.Contains(ownZones, z.Name):
		errs = append(errs, Errorf("Name", "%s is a zone of firewalld's own: give this one another name, and set Default if it shall take its place", z.Name))
	}
	file := zoneXML{Short: z.Name}
	errs = append(errs, oneOf("Target", []string{z.Target}, []string{"default", "ACCEPT", "DROP", "REJECT"}))
	if file.Target = z.Target; z.Target == "REJECT" {
		file.Target = "%%REJECT%%"
	} else if z.Target == "default" {
		file.Target = ""
	}
	for i, name := range z.Interfaces {
		if !interfaceName.MatchString(name) {
			errs = append(errs, Errorf(indexed("Interfaces", i), "%q is not the name of an interface", name))
		}
		file.Interfaces = append(file.Interfaces, nameXML{name})
	}
	for i, address := range z.Sources {
		if !isNetwork(address) {
			errs = append(errs, Errorf(indexed("Sources", i), "%q is not an address or a network, such as 10.0.0.0/8", address))
		}
		file.Sources = append(file.Sources, addressXML{address})
	}
	for i, name := range z.Services {
		if !firewallName.MatchString(name) {
			errs = append(errs, Errorf(indexed("Services", i), "%q is not the name of a service", name))
		}
		file.Services = append(file.Services, nameXML{name})
	}
	ports, err := parsePorts(z.Ports)
	errs = append(errs, err)
	if file.Ports = ports; z.Masquerade {
		file.Masquerade = &struct{}{}
	}
	if !z.NoForward {
		file.Forward = &struct{}{}
	}
	for _, other := range d.zones {
		if z.Default && other.value.Default {
			errs = append(errs, Errorf("Default", "%s of %s is the default zone already", other.value.Name, other.features[0]))
		}
	}
	if err := join(errs); err != nil {
		return err
	}
	if z.Default && z.Target != "ACCEPT" && !slices.Contains(z.Services, "ssh") && !slices.Contains(z.Ports, "22/tcp") {
		d.Warnf("Services", "%s is the default zone, and does not let ssh in", z.Name)
	}
	d.Put(PhaseFiles, regular("/usr/lib/firewalld/zones/"+z.Name+".xml", xmlText(file)))
	d.zones = append(d.zones, intend(d, z))
	return d.firewalld()
}

func (d *Draft) firewalld() error {
	d.firewall = union(d.firewall, []string{d.origin})
	return d.install(software{name: "firewalld", file: "/usr/bin/firewall-offline-cmd", unit: "firewalld.service"})
}

// settleFirewall has firewalld check its files, and sets the default zone.
func (d *Draft) settleFirewall() []error {
	if len(d.firewall) == 0 {
		return nil
	}
	command := "firewall-offline-cmd --check-config"
	for _, z := range d.zones {
		if z.value.Default {
			command += " && firewall-offline-cmd --set-default-zone=" + z.value.Name
		}
	}
	d.addFor(d.firewall, PhaseFiles, containerfile.Run{Command: containerfile.Command{Shell: command}})
	return nil
}

func isNetwork(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}
