package lint

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// identityRules are about what must not be the same on two devices.
var identityRules = []Rule{
	{
		ID: "BL508", Slug: "password-hash", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a password in the image",
		Rationale: `A password that comes with the image is that of every device, and its hash is there for everyone who can pull the image to try words
on. An account that needs a password gets it at provisioning; better are SSH keys or certificates. An account with an empty password
may let anyone in.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN useradd -r -u 900 ops && echo 'ops:vX8wq2Lr9T' | chpasswd
`,
		Good: `
-- layer 0:/etc/shadow 0000 --
root:!locked::0:99999:7:::
bin:*:20000:0:99999:7:::
ops:!!:20000::::::
`,
		Wants: append(Reading(shadowFile), Reading(cloudConfigs...)...),
		Check: func(f *Facts, found func(Finding)) {
			passwordsInShadow(f, found)
			for file := range f.Files(cloudConfigs...) {
				for _, m := range passwordKey.FindAllStringSubmatchIndex(string(file.Part()), -1) {
					value := string(file.Part()[m[2]:m[3]])
					if file.Derived() && secretValue(value) && value[0] != '!' && value[0] != '*' {
						line := 1 + strings.Count(string(file.Part()[:m[2]]), "\n")
						found(file.Finding("gives an account a password, the same on every device").OnLine(line).Showing(Redact(value)).Fixed(noPassword))
					}
				}
			}
			for c := range f.Commands() {
				if value, ok := setsPassword(c); ok {
					out := c.Finding("%s gives an account a password, the same on every device", c.Name).Fixed(noPassword)
					if value != "" {
						out = out.Showing(Redact(value))
					}
					found(out)
				}
			}
		},
	},
	{
		ID: "BL509", Slug: "ssh-host-key", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "an SSH host key in the image",
		Rationale: `All devices would prove with the same key who they are, and who can pull the image can pretend to be any of them. sshd-keygen makes
keys at the first boot where there are none.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install openssh-server && ssh-keygen -A && dnf clean all
`,
		Good: `
-- layer 0 --
file /etc/ssh/ssh_host_ed25519_key.pub
file /etc/ssh/ssh_config
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Files("/etc/ssh/ssh_host_*_key") {
				if file.IsRegular() {
					found(file.Finding("is a host key: all devices would have the same one").Fixed("RUN rm -f /etc/ssh/ssh_host_*; sshd-keygen makes them at the first boot"))
				}
			}
			for c := range f.Commands() {
				if c.Is("ssh-keygen") && (c.Has("-A") || keyFor(c)) {
					found(c.Finding("makes host keys that all devices would have").Fixed("leave it out; sshd-keygen makes them at the first boot").Showing(c.Text))
				}
			}
		},
	},
	{
		ID: "BL510", Slug: "machine-id-set", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a machine ID in the image",
		Rationale: `The machine ID tells one machine from all others: in the journal, to DHCP servers, to what manages the fleet. With one in the image all
devices are the same machine. systemd makes one at the first boot if the file is empty.`,
		URL: "https://www.freedesktop.org/software/systemd/man/latest/machine-id.html",
		Bad: `
-- layer 0:/etc/machine-id --
9f3c61a7e2b8d4059f3c61a7e2b8d405
`,
		Good: `
-- layer 0:/etc/machine-id --
`,
		Wants: Reading("/etc/machine-id"),
		Check: func(f *Facts, found func(Finding)) {
			if file := f.Root.File("/etc/machine-id"); file != nil && machineID.MatchString(strings.TrimSpace(file.Text())) {
				found(file.Finding("has a machine ID, which would be that of all devices").Fixed("RUN truncate -s 0 /etc/machine-id"))
			}
			for c := range f.Commands() {
				if c.Is("systemd-machine-id-setup", "dbus-uuidgen") {
					found(c.Finding("%s makes an ID that all devices would have", c.Name).Unsure(Likely).Fixed("leave it out; systemd makes the ID at the first boot").Showing(c.Text))
				}
			}
		},
	},
	{
		ID: "BL512", Slug: "per-machine-state", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "state of one machine",
		Rationale: `The file was made for the machine that the image was built on, and tells it from others: a seed of random numbers, the name of an
iSCSI initiator, the identity of a management agent. On devices it would be the same everywhere. They make their own where there is none.`,
		URL: "https://systemd.io/BUILDING_IMAGES/",
		Bad: `
-- layer 0:/etc/iscsi/initiatorname.iscsi --
InitiatorName=iqn.1994-05.com.redhat:9f3c61a7e2
`,
		Good: `
-- layer 0:/etc/iscsi/initiatorname.iscsi --
GenerateName=yes
-- layer 0 --
link /var/lib/dbus/machine-id -> /etc/machine-id
dir /var/lib/flightctl
`,
		Wants: Reading("/etc/iscsi/initiatorname.iscsi"),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Files(machineState...) {
				if !file.IsRegular() || !file.Derived() || file.Path == "/etc/iscsi/initiatorname.iscsi" && !initiator.MatchString(file.Text()) {
					continue
				}
				if what, _ := secretName(file); what == "" && (file.Size > 0 || f.Build != nil) {
					found(file.Finding("belongs to one machine, and would be the same on all devices").Fixed("RUN rm -f %s", printable(file.Path)))
				}
			}
		},
	},
}

const noPassword = "leave the account without a password, and give SSH keys or, at provisioning, a password of its own to each device"

var (
	machineID = lazyregexp.New(`^[0-9a-f]{32}$`)
	initiator = lazyregexp.New(`(?m)^\s*InitiatorName=\S`)
	// cloudConfigs and kickstarts that are in an image are for every device.
	cloudConfigs = []string{"/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*", "/usr/lib/cloud/**", "**/*.ks"}
	passwordKey  = lazyregexp.New(`(?m)^[ \t]*(?:-[ \t]*)?(?:(?:plain_text_passwd|hashed_passwd|passwd|password):|rootpw (?:--(?:plaintext|iscrypted|allow-ssh)[ \t]+)*)[ \t]*["']?([^\s"'#-][^\s"']*)`)
	machineState = []string{
		"/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret", "/var/lib/dbus/machine-id", "/etc/iscsi/initiatorname.iscsi", "/etc/nvme/hostid", "/etc/nvme/hostnqn", "/etc/hostid",
		"/var/lib/NetworkManager/secret_key", "/var/lib/NetworkManager/*.lease", "/var/lib/flightctl/**", "/etc/pki/consumer/*", "/etc/insights-client/machine-id",
		"/var/lib/cloud/**", "/var/lib/tailscale/tailscaled.state", "/etc/udev/rules.d/70-persistent-net.rules", "/var/lib/dhcpcd/duid",
	}
)

// passwordsInShadow looks at the accounts that the base does not have with the same password.
func passwordsInShadow(f *Facts, found func(Finding)) {
	file := f.Root.File(shadowFile)
	if file == nil {
		return
	}
	base := f.fromBase(shadowFile)
	for _, a := range f.accountsIn(shadowFile) {
		hash := a.field(1)
		if base[a.name].field(1) == hash && base[a.name].name != "" || len(a.fields) < 2 {
			continue
		}
		var out Finding
		switch {
		case hash == "":
			out = file.Finding("the account %s has an empty password: it may let anyone in", printable(a.name))
		case hash[0] == '!' && strings.HasPrefix(strings.TrimLeft(hash, "!"), "$"):
			out = file.Finding("the account %s is locked, but the hash of its password is in the image for everyone to guess at", printable(a.name)).As(Warning)
		case hash[0] == '!' || hash[0] == '*' || hash == "x":
			continue
		default:
			out = file.Finding("the account %s has a password, the same on every device", printable(a.name))
		}
		if hash != "" {
			out = out.Showing(Redact(strings.TrimLeft(hash, "!")))
		}
		found(out.OnLine(a.line).Fixed(noPassword+": usermod -p '!' %s", printable(a.name)))
	}
}

// setsPassword says whether a command sets a password that is written out, and which.
func setsPassword(c *Command) (value string, ok bool) {
	switch {
	case c.Is("chpasswd"):
		if !c.Input.Known || !strings.Contains(c.Input.Text, ":") {
			return "", false
		}
		_, value, _ = strings.Cut(strings.TrimSpace(c.Input.Text), ":")
		return value, true
	case c.Is("passwd") && c.Has("--stdin"):
		value = strings.TrimSpace(c.Input.Text)
		return value, c.Input.Known && value != ""
	case c.Is("passwd") && c.Has("-d", "--delete"):
		return "", true
	case c.Is("useradd", "usermod", "adduser"):
		w, has := c.Value("-p", "--password")
		return w.Text, has && w.Known && w.Text != "" && !slices.Contains([]string{"!", "*", "!!", "x"}, w.Text)
	}
	return "", false
}

// keyFor says whether ssh-keygen makes a host key.
func keyFor(c *Command) bool {
	w, ok := c.Value("-f")
	return ok && w.Known && strings.HasPrefix(path.Base(w.Text), "ssh_host_") && cmp.Or(path.Dir(w.Text), "/") == "/etc/ssh"
}
