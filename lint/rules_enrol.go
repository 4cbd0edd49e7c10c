package lint

import (
	"errors"
	"net"
	"net/url"
	"path"
	"strings"

	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// enrolRules are about keys and certificates by which somebody or something gets in.
var enrolRules = []Rule{
	{
		ID: "BL513", Slug: "baked-ssh-key", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "SSH keys in a home of the image",
		Rationale: `Homes are in /var, which a device takes from the image only when it is installed. The key stays on all devices when a later image has another
one, and it cannot be withdrawn. A directory below /usr that sshd reads by AuthorizedKeysFile moves with the image. A key whose private part
is public, such as Vagrant's, lets anyone in: that is an error, wherever it is.`,
		URL: "https://bootc.dev/bootc/building/users-and-groups.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY ops.pub /root/.ssh/authorized_keys
-- context/ops.pub --
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dk4QPPZkZ1ToQvOEwBEBsiGtIHDvSHlCOLzkgGmZy ops@acme.example
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY ops.pub /usr/share/acme/authorized_keys/ops
COPY <<EOF /etc/ssh/sshd_config.d/30-acme.conf
AuthorizedKeysFile .ssh/authorized_keys /usr/share/acme/authorized_keys/%u
EOF
-- context/ops.pub --
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dk4QPPZkZ1ToQvOEwBEBsiGtIHDvSHlCOLzkgGmZy ops@acme.example
`,
		Wants: append(Reading("**/.ssh/authorized_keys", "/etc/ssh/authorized_keys*/**", "/usr/share/bootloom/authorized_keys/*"),
			Want{Glob: "/**", Max: 64 << 10, Quiet: true, Derived: true, Having: publicKeys}),
		Check: bakedKeys,
	},
	{
		ID: "BL514", Slug: "enrollment-cert", Severity: Note, Stages: InSpec | InContainerfile | InRoot,
		Title: "an image that is bound to its Flight Control service",
		Rationale: `With the agent's configuration in the image (early binding) all devices ask for enrollment with one certificate, and so can whoever has the
image: an administrator approves them. When the certificate expires, no new device can enrol; those that are enrolled have one of their
own. So an image with a certificate that has expired is an error, one that soon will a warning.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0:/etc/flightctl/config.yaml 0600 --
enrollment-service:
  service:
    server: https://agent-api.acme.example:7443
  authentication:
    client-certificate-data: bm90IGEgY2VydGlmaWNhdGU=
    client-key-data: bm90IGEga2V5
`,
		Good: `
-- layer 0:/etc/flightctl/config.yaml 0600 --
enrollment-service:
  service:
    server: https://agent-api.acme.example:7443
`,
		Wants: Reading(agentConfigFile),
		Check: func(f *Facts, found func(Finding)) {
			file, mistakes := f.agentConfig()
			if file == nil {
				return
			}
			const renew = "flightctl certificate request --signer=enrollment --output=embedded makes a new one"
			for _, m := range mistakes {
				switch {
				case errors.Is(m.err, flightctl.ErrExpiresSoon):
					found(m.finding(file).As(Warning).Fixed(renew))
				case errors.Is(m.err, flightctl.ErrExpired):
					found(m.finding(file).As(Error).Fixed(renew))
				}
			}
			text := file.Text()
			if i := strings.Index(text, "client-key-data"); i >= 0 {
				found(file.Finding("all devices of the image enrol with the one key that is in it, and so can whoever has the image").OnLine(lineAt(text, i)).
					Fixed("late binding gives each device its configuration at provisioning (cloud-init, Ignition, kickstart)"))
			}
			for _, m := range serverLine.FindAllStringSubmatchIndex(text, -1) {
				if host, bad := onlyHere(text[m[2]:m[3]]); bad != "" {
					out := file.Finding("devices cannot reach the server %s: %s", host, bad).OnLine(lineAt(text, m[2])).As(Error).Fixed("write the name that devices know the service by")
					if isLab(host) {
						out = out.As(Warning)
					}
					found(out)
				}
			}
		},
	},
	{
		ID: "BL515", Slug: "subscription-leftovers", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a Red Hat subscription of the build in the image",
		Rationale: `Certificates of the subscription that the build used give everyone who has the image access to Red Hat's content in its name, and the
identity in /etc/pki/consumer makes all devices one system. Builders mount both from the host, or by a secret, so that nothing of them stays.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN --mount=type=secret,id=key subscription-manager register --org 1234 --activationkey "$(cat /run/secrets/key)" && \
    dnf -y install tmux && dnf clean all
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN --mount=type=secret,id=key subscription-manager register --org 1234 --activationkey "$(cat /run/secrets/key)" && \
    dnf -y install tmux && dnf clean all && subscription-manager unregister && subscription-manager clean
`,
		Wants: Reading("/etc/yum.repos.d/redhat.repo"),
		Check: subscriptions,
	},
}

// publicKeys are those of Vagrant (https://github.com/hashicorp/vagrant/tree/main/keys), as far as nobody else can have them.
var publicKeys = []string{
	"AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr",
	"AAAAC3NzaC1lZDI1NTE5AAAAIN1YdxBpNlzxDqfJyw/QKow1F",
}

func bakedKeys(f *Facts, found func(Finding)) {
	for file := range f.Root.All() {
		if !file.IsRegular() || !file.Derived() {
			continue
		}
		content, known := file.Content()
		for _, key := range publicKeys {
			if i := strings.Index(string(file.Part()), key); i >= 0 && !mentions(file.Path) {
				found(file.Finding("has Vagrant's key, whose private part everyone has: anyone may log in").As(Error).
					OnLine(lineAt(string(content), i)).Fixed("take the key out"))
			}
		}
		name := file.Name()
		if name != "authorized_keys" && name != "authorized_keys2" || path.Base(file.Dir()) != ".ssh" {
			continue
		}
		if !known || hasLines(string(content)) {
			found(file.Finding("lets the same keys in on all devices, and no update of the image can take them back").
				Fixed("put the keys into /usr/share/acme/authorized_keys/USER, and AuthorizedKeysFile .ssh/authorized_keys /usr/share/acme/authorized_keys/%%u into a file of /etc/ssh/sshd_config.d"))
		}
	}
}

// subscriptions looks for what subscription-manager leaves behind, once for each directory and RUN.
func subscriptions(f *Facts, found func(Finding)) {
	told := map[string]bool{}
	for file := range f.Files("/etc/pki/entitlement/*", "/etc/pki/entitlement-host/*", "/etc/pki/consumer/*", "/etc/yum.repos.d/redhat.repo") {
		text, known := file.Content()
		if what, _ := secretName(file); what != "" || !file.IsRegular() || !file.Derived() || told[file.Dir()] || known && !hasLines(string(text)) {
			continue
		}
		if !known && file.Write() != nil { // what a command leaves there, which it may have cleaned
			continue
		}
		told[file.Dir()] = true
		found(file.Finding("is of the subscription of the build").
			Fixed("subscription-manager unregister && subscription-manager clean in the same RUN, or mount what the build needs: --mount=type=secret"))
	}
	for _, s := range In[containerfile.Run](f.Build) {
		var register *Command
		for _, c := range s.Commands {
			switch {
			case c.Is("subscription-manager") && c.Verb() == "register", c.Is("rhc") && c.Verb() == "connect":
				register = c
			case c.Is("subscription-manager") && (c.Verb() == "unregister" || c.Verb() == "clean"), c.Is("rhc") && c.Verb() == "disconnect":
				register = nil
			}
		}
		if register != nil {
			found(register.Finding("registers the system that is built, and leaves that in the layer").
				Fixed("add to the same RUN: && subscription-manager unregister && subscription-manager clean"))
		}
	}
}

// hasLines says whether a file has more than comments and white space.
func hasLines(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return true
		}
	}
	return false
}

// lineAt is the line of a place in a text, from 1; 0 if the text does not reach so far.
func lineAt(text string, at int) int {
	if at >= len(text) {
		return 0
	}
	return 1 + strings.Count(text[:at], "\n")
}

var serverLine = lazyregexp.New(`(?m)^[ \t]*server:[ \t]*["']?([^\s"'#]+)`)

// onlyHere says why nobody elsewhere reaches the host of a URL; bad is "" if they do.
func onlyHere(server string) (host, bad string) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return "", ""
	}
	host = u.Hostname()
	ip := net.ParseIP(host)
	switch {
	case host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback():
		return host, "that is the device itself"
	case ip != nil && ip.IsUnspecified():
		return host, "that is no address"
	case isLab(host):
		return host, "the name is for labs, and needs a DNS server of others"
	}
	return host, ""
}

// isLab says that a name is one of those that have an address in them.
func isLab(host string) bool {
	return strings.HasSuffix(host, ".nip.io") || strings.HasSuffix(host, ".sslip.io")
}
