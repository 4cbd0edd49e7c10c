package lint

import (
	"github.com/bootloom/bootloom/bootc"
)

// siteRules are about what differs from one device or site to another, and what changes on it.
var siteRules = []Rule{
	{
		ID: "BL304", Slug: "site-specific-in-image", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "what differs from one device or site to another",
		Rationale: `Every device with the image has it: the same name, address or disk. What belongs to one device or site comes with its provisioning, or from the
fleet's configuration.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN echo press-7 > /etc/hostname
COPY uplink.nmconnection /etc/NetworkManager/system-connections/
-- context/uplink.nmconnection --
[connection]
id=uplink
[ipv4]
method=manual
address1=10.1.2.3/24,10.1.2.1
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN echo localhost > /etc/hostname
COPY uplink.nmconnection /etc/NetworkManager/system-connections/
-- context/uplink.nmconnection --
[connection]
id=uplink
[ipv4]
method=auto
`,
		Wants: siteWants(),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.Below("/etc") {
				if !file.Derived() {
					continue
				}
				if what, line := siteSpecific(file); what != "" {
					found(file.Finding("has %s, which every device with the image then has", clip(what)).OnLine(line).
						Fixed("leave it to provisioning (cloud-init, Ignition, kickstart) or to the configuration of the fleet"))
				}
			}
		},
	},
	{
		ID: "BL305", Slug: "site-specific-in-usr", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "what differs from one device to another, where no device can change it",
		Rationale: `/usr is read-only. What is there holds for every device, and a site that needs another name or address cannot set it without an image of its own.
Where a file of the same name in /etc wins, a site can at least do that.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0:/usr/lib/bootc/kargs.d/10-net.toml --
kargs = ["ip=10.1.2.3::10.1.2.1:255.255.255.0:press-7:eth0:none"]
`,
		Good: `
-- layer 0:/usr/lib/bootc/kargs.d/10-net.toml --
kargs = ["ip=dhcp"]
`,
		Wants: siteWants(),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.Below("/usr/lib") {
				if !file.Derived() {
					continue
				}
				what, line := siteSpecific(file)
				if what == "" {
					continue
				}
				out := file.Finding("has %s, and no device can have another", clip(what))
				if usr, ok := bootc.UsrPath(file.Path); ok && usr == file.Path && file.Dir() != kargsDir {
					out = file.Finding("has %s, which every device with the image then has, unless a file of the same name in /etc says otherwise", clip(what)).As(Warning)
				}
				found(out.OnLine(line).Fixed("leave it to provisioning (cloud-init, Ignition, kickstart) or to the configuration of the fleet"))
			}
		},
	},
	{
		ID: "BL306", Slug: "mutable-in-usr", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a path below /usr that devices are told to write",
		Rationale: `Linter.Managed lists what a fleet's configuration, or another tool, writes on running devices. /usr is read-only there: the tool fails, and with
Flight Control the whole update of the device does.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0 --
file /usr/lib/acme/agent.conf
-- linter.json --
{"Managed": ["/usr/lib/acme/agent.conf"]}
`,
		Good: `
-- layer 0 --
file /etc/acme/agent.conf
link /usr/local -> ../var/usrlocal
-- linter.json --
{"Managed": ["/etc/acme/agent.conf", "/usr/local/etc/acme.conf"]}
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, p := range f.Managed {
				file, end := f.Root.Resolve(p)
				if !under(end, "/usr") {
					continue
				}
				out := f.Finding("devices are told to write %s, and /usr is read-only there", printable(p))
				if file != nil {
					out = file.Finding("devices are told to write it, and /usr is read-only there")
				}
				found(out.Fixed("have the tool write below /etc, where the program looks first"))
			}
		},
	},
}
