package bootc

import (
	"cmp"
	"encoding/xml"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// FirewallService names ports, for the zones that let them in, in /usr/lib/firewalld/services. Source:
// firewalld.service(5).
type FirewallService struct {
	// Name of the service: letters, digits, "-" and "_".
	Name string
	// Short is a name for people; the zero value is Name.
	Short string `json:",omitzero"`
	// Ports as in FirewallZone.
	Ports []string
}

// serviceXML is the format of a service.
type (
	serviceXML struct {
		XMLName xml.Name  `xml:"service"`
		Short   string    `xml:"short"`
		Ports   []portXML `xml:"port"`
	}
	portXML struct {
		Protocol string `xml:"protocol,attr"`
		Port     string `xml:"port,attr"`
	}
)

var (
	firewallPort = lazyregexp.New(`^([0-9]+)(?:-([0-9]+))?/(tcp|udp|sctp|dccp)$`)
	emptyElement = lazyregexp.New(`></[a-z]+>`)
)

// Contribute adds the file, and asks for firewalld.
func (s FirewallService) Contribute(d *Draft) error {
	var errs []error
	if !firewallName.MatchString(s.Name) {
		errs = append(errs, Errorf("Name", "%q is not the name of a service: letters, digits, - and _", s.Name))
	}
	if len(s.Ports) == 0 {
		errs = append(errs, Errorf("Ports", "is empty"))
	}
	ports, err := parsePorts(s.Ports)
	if err := join(append(errs, err)); err != nil {
		return err
	}
	d.Put(PhaseFiles, regular("/usr/lib/firewalld/services/"+s.Name+".xml", xmlText(serviceXML{Short: cmp.Or(s.Short, s.Name), Ports: ports})))
	return d.firewalld()
}

// parsePorts reads Ports.
func parsePorts(list []string) ([]portXML, error) {
	var out []portXML
	var errs []error
	for i, p := range list {
		m := firewallPort.FindStringSubmatch(p)
		if m == nil {
			errs = append(errs, Errorf(indexed("Ports", i), "%q is not a port or a range with its protocol, such as 8080/tcp", p))
			continue
		}
		first, _ := strconv.Atoi(m[1])
		last := first
		if m[2] != "" {
			last, _ = strconv.Atoi(m[2])
		}
		if first < 1 || last > 65535 || last < first {
			errs = append(errs, Errorf(indexed("Ports", i), "%q is not between 1 and 65535, from low to high", p))
		}
		port, protocol, _ := strings.Cut(p, "/")
		out = append(out, portXML{protocol, port})
	}
	return out, join(errs)
}

func xmlText(v any) string {
	b, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // the types here are ours, and hold strings only
	}
	return xml.Header + emptyElement.ReplaceAllString(string(b), "/>") + "\n"
}
