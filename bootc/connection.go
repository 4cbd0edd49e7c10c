package bootc

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Connection is a connection profile of NetworkManager, as a keyfile (nm-settings-keyfile(5)). What holds for every
// machine with this image, such as "get an address by DHCP on this kind of interface", is static: it is in
// /usr/lib/NetworkManager/system-connections, and a profile of the same name in /etc takes its place. What holds at one
// site belongs to provisioning, or into an image for that site alone (Site).
//
// Say either Content or Secret.
type Connection struct {
	// Name of the file, without ".nmconnection".
	Name string
	// Content is the text of the keyfile. Passwords and keys in it are refused: they would stand in the Spec, and in
	// whatever keeps it.
	Content string `json:",omitzero"`
	// Secret is the id of a build secret with the text of the whole keyfile, for a profile with a password or key in it.
	// It is in one layer, and everyone who can pull the image can read it.
	Secret string `json:",omitzero"`
	// Site says that the profile is that of one site: it is put into /etc, where the machine can change it, and may have
	// an address that one machine alone can have.
	Site bool `json:",omitzero"`
}

// Contribute checks the keyfile and adds it, 0600: NetworkManager ignores one that others can read.
func (c Connection) Contribute(d *Draft) error {
	dir := "/usr/lib/NetworkManager/system-connections/"
	if c.Site {
		dir = "/etc/NetworkManager/system-connections/"
	}
	var errs []error
	if !bundleName.MatchString(c.Name) || strings.HasSuffix(c.Name, ".nmconnection") {
		errs = append(errs, Errorf("Name", "%q is not the name of a file without .nmconnection: letters, digits and . _ -", c.Name))
	}
	file := dir + c.Name + ".nmconnection"
	switch {
	case (c.Content == "") == (c.Secret == ""):
		return join(append(errs, Errorf("", "set Content or Secret")))
	case c.Secret != "":
		if !secretID.MatchString(c.Secret) {
			errs = append(errs, Errorf("Secret", "%q is not a name of letters, digits, '-', '_' and '.'", c.Secret))
		}
		if err := join(errs); err != nil {
			return err
		}
		d.Secret(c.Secret, func(value []byte) error {
			if _, err := parseKeyfile(string(value)); err != nil {
				return errors.New("is not a keyfile of NetworkManager with [connection] and type=") // err might quote the value
			}
			return nil
		})
		return d.Use("", FileFromSecret{Path: file, Secret: c.Secret})
	}
	k, err := parseKeyfile(c.Content)
	if err != nil {
		return join(append(errs, &FieldError{"Content", err}))
	}
	errs = append(errs, k.checkSecrets())
	if err := join(errs); err != nil {
		return err
	}
	if !c.Site {
		k.warnOfSite(d)
	}
	d.Put(PhaseFiles, Entry{Path: file, Mode: 0o600, Content: Text(c.Content)})
	return nil
}

// keyfile is a keyfile as a list of settings.
type keyfile []setting

// parseKeyfile reads the syntax of GKeyFile, which has no continued lines, and knows the sections.
func parseKeyfile(text string) (keyfile, error) {
	var out keyfile
	section, kind := "", ""
	err := content(text, "#", func(_ int, line string) error {
		if name, ok := strings.CutPrefix(line, "["); ok {
			if section, ok = strings.CutSuffix(name, "]"); !ok || section == "" {
				return errors.New("is not a [section]")
			}
			if kind, _, _ := strings.Cut(section, "."); !slices.Contains(keyfileSections, section) && kind != "wireguard-peer" && kind != "sriov-vfs" {
				return errors.New("[" + section + "] is not a setting of NetworkManager")
			}
			return nil
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section == "" {
			return errors.New("is neither a [section] nor key=value in one")
		}
		s := setting{section, strings.TrimSpace(key), strings.TrimSpace(value)}
		if s.section == "connection" && s.key == "type" {
			kind = s.value
		}
		out = append(out, s)
		return nil
	})
	if err == nil && kind == "" {
		err = errors.New("[connection] lacks type=, such as ethernet or wifi")
	}
	return out, err
}

// keyfileSections are the settings of nm-settings-nmcli(5), with the short names of keyfiles.
var keyfileSections = strings.Fields(`connection ipv4 ipv6 proxy match user tc hostname link ethtool dcb
	ethernet 802-3-ethernet 802-1x wifi 802-11-wireless wifi-security 802-11-wireless-security wifi-p2p 802-11-olpc-mesh olpc-mesh
	bond bond-port bridge bridge-port team team-port vlan vxlan macvlan macsec ipvlan vrf veth dummy loopback hsr tun ip-tunnel
	infiniband gsm cdma serial ppp pppoe adsl bluetooth wimax wpan 6lowpan generic wireguard vpn vpn-secrets vpn-user-secrets
	ovs-bridge ovs-interface ovs-port ovs-patch ovs-dpdk ovs-external-ids ovs-other-config prefix-delegation sriov`)

// secretKey matches the properties that hold a secret; those that say how it is kept, such as psk-flags, are not such.
var secretKey = lazyregexp.New(`(^|-)(psk|password|password-raw|pin|wep-key[0-3]?|preshared-key|mka-cak)$`)

// checkSecrets refuses values that must not stand in a Spec, without showing them.
func (k keyfile) checkSecrets() error {
	var errs []error
	for _, s := range k {
		inSection := s.section == "vpn-secrets" || s.section == "vpn-user-secrets"
		wireguard := s.section == "wireguard" && s.key == "private-key"
		inline := strings.HasSuffix(s.key, "private-key") && strings.HasPrefix(s.value, "data:")
		if s.value != "" && (inSection || wireguard || inline || secretKey.MatchString(s.key)) {
			errs = append(errs, Errorf("Content", "%s.%s is a secret: give the whole keyfile as a build secret (Secret), or leave it to the machine (%[2]s-flags)", s.section, s.key))
		}
	}
	return join(errs)
}

// warnOfSite tells what only one machine, or one site, can have. A uuid is none of that: it names the profile.
func (k keyfile) warnOfSite(d *Draft) {
	get := func(section, key string) string {
		for _, s := range k {
			if s.section == section && s.key == key {
				return s.value
			}
		}
		return ""
	}
	for _, s := range k {
		address, _, _ := strings.Cut(s.value, "/")
		ip, err := netip.ParseAddr(strings.TrimSpace(strings.SplitN(address, ",", 2)[0]))
		switch {
		case (s.section == "ipv4" || s.section == "ipv6") && strings.HasPrefix(s.key, "address") && err == nil && get(s.section, "method") == "manual" && !ip.IsLinkLocalUnicast():
			d.Warnf("Content", "%s.%s=%s is the same on every machine with this image: leave it to provisioning, or set Site", s.section, s.key, s.value)
		case s.key == "mac-address" || s.key == "cloned-mac-address":
			if _, err := net.ParseMAC(s.value); err == nil {
				d.Warnf("Content", "%s.%s=%s is that of one machine: leave it to provisioning, or set Site", s.section, s.key, s.value)
			}
		}
	}
}
