package bootc_test

import (
	"fmt"

	"github.com/bootloom/bootloom/bootc"
)

// hostFiles prints the path of each file that the features make, and what is in it, and then the warnings.
func hostFiles(base bootc.Base, features ...bootc.Feature) {
	base.Ref = "quay.io/acme/base:1"
	plan, err := bootc.From(base.Ref).With(features...).Compile(base)
	if err != nil {
		fmt.Println(err)
	}
	for _, a := range plan.Archives {
		for _, e := range a.Entries {
			text, _ := e.Content.ReadAll()
			fmt.Printf("%s %s%s\n%s", e.Mode, e.Path, map[bool]string{true: " -> " + e.Link}[e.Link != ""], text)
		}
	}
	for _, w := range plan.Warnings {
		fmt.Println("warning:", w)
	}
}

func ExampleJournal() {
	hostFiles(bootc.Base{}, bootc.Journal{MaxUse: "1G"})
	// Output:
	// -rw-r--r-- /usr/lib/systemd/journald.conf.d/50-bootloom.conf
	// [Journal]
	// Storage=persistent
	// SystemMaxUse=1G
	// RuntimeMaxUse=1G
}

func ExampleLocale() {
	hostFiles(bootc.Base{Family: bootc.Fedora}, bootc.Locale{Lang: "C.UTF-8", Timezone: "Europe/Berlin"})
	// Output:
	// -rw-r--r-- /etc/locale.conf
	// LANG=C.UTF-8
	// Lrwxrwxrwx /etc/localtime -> ../usr/share/zoneinfo/Europe/Berlin
}

func ExampleNTP() {
	hostFiles(bootc.Base{Family: bootc.Fedora}, bootc.NTP{Servers: []string{"ntp.acme.example"}, NTS: true})
	// Output:
	// -rw-r--r-- /etc/chrony.conf
	// server ntp.acme.example iburst nts
	// sourcedir /run/chrony-dhcp
	// driftfile /var/lib/chrony/drift
	// ntsdumpdir /var/lib/chrony
	// keyfile /etc/chrony.keys
	// makestep 1.0 3
	// rtcsync
	// logdir /var/log/chrony
	// -rw-r--r-- /usr/lib/systemd/system-preset/10-bootloom.preset
	// enable chronyd.service
}

// A profile for every machine is static; an address that only one can have is worth a warning, and a password is refused.
func ExampleConnection() {
	hostFiles(bootc.Base{}, bootc.Connection{Name: "uplink", Content: "[connection]\ntype=ethernet\n[ipv4]\nmethod=manual\naddress1=10.0.0.2/24\n"})
	hostFiles(bootc.Base{}, bootc.Connection{Name: "wifi", Content: "[connection]\ntype=wifi\n[wifi-security]\npsk=correct horse\n"})
	// Output:
	// -rw------- /usr/lib/NetworkManager/system-connections/uplink.nmconnection
	// [connection]
	// type=ethernet
	// [ipv4]
	// method=manual
	// address1=10.0.0.2/24
	// warning: Features[0].Connection.Content: ipv4.address1=10.0.0.2/24 is the same on every machine with this image: leave it to provisioning, or set Site
	// Features[0].Connection.Content: wifi-security.psk is a secret: give the whole keyfile as a build secret (Secret), or leave it to the machine (psk-flags)
}

func ExampleSSHD() {
	hostFiles(bootc.Base{}, bootc.SSHD{Content: "PasswordAuthentication no\nMaxAuthTries 3\n"})
	hostFiles(bootc.Base{}, bootc.SSHD{Content: "PasswordAuthentification no\nPermitRootLogin yes\n"})
	// Output:
	// -rw------- /etc/ssh/sshd_config.d/40-bootloom.conf
	// PasswordAuthentication no
	// MaxAuthTries 3
	// Features[0].SSHD.Content: PermitRootLogin yes lets anyone try passwords of root: leave it out, or name PermitRootLogin in Insecure
	// Features[0].SSHD.Content: line 1: sshd knows no PasswordAuthentification, and would not start
}

func ExampleSudo() {
	hostFiles(bootc.Base{}, bootc.Sudo{Name: "ops", Who: []string{"%ops"}, Commands: []string{"/usr/bin/systemctl restart app.service"}, NoPassword: true})
	// Output:
	// -r--r----- /etc/sudoers.d/ops
	// %ops ALL=(root) NOPASSWD: /usr/bin/systemctl restart app.service
}

func ExampleFirewallZone() {
	hostFiles(bootc.Base{Tool: bootc.DNF4},
		bootc.FirewallZone{Name: "edge", Default: true, Services: []string{"ssh", "acme"}},
		bootc.FirewallService{Name: "acme", Ports: []string{"8080/tcp"}})
	// Output:
	// -rw-r--r-- /usr/lib/firewalld/services/acme.xml
	// <?xml version="1.0" encoding="UTF-8"?>
	// <service>
	//   <short>acme</short>
	//   <port protocol="tcp" port="8080"/>
	// </service>
	// -rw-r--r-- /usr/lib/firewalld/zones/edge.xml
	// <?xml version="1.0" encoding="UTF-8"?>
	// <zone>
	//   <short>edge</short>
	//   <service name="ssh"/>
	//   <service name="acme"/>
	//   <forward/>
	// </zone>
	// -rw-r--r-- /usr/lib/systemd/system-preset/10-bootloom.preset
	// enable firewalld.service
}
