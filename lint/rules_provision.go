package lint

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc/flightctl"
)

// provisionRules are about how a device comes to what the image lacks, and about files that nothing reads.
var provisionRules = []Rule{
	{
		ID: "BL516", Slug: "auth-file-invalid", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a pull secret that cannot be read",
		Rationale: `podman and bootc read /etc/ostree/auth.json for each pull from a registry, and fail at a file that is no JSON: also an empty one, which should be {} where logins
come from a credential helper. A login that is not base64 of user:password, or that a program on another machine keeps, is none.`,
		URL: "https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md",
		Bad: `
-- layer 0:/etc/ostree/auth.json 0600 --
{"auths": {"quay.io": {"auth": "acme:password"}}}
`,
		Good: `
-- layer 0:/etc/ostree/auth.json 0600 --
{"auths": {"quay.io": {"auth": "YWNtZTpwYXNzd29yZA=="}}}
-- layer 0:/usr/lib/ostree/auth.json --
{}
`,
		Wants: Reading(osAuthFiles...),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Files(osAuthFiles...) {
				if text, known := file.Content(); known && file.Derived() {
					if why := authMistake(text); why != "" {
						found(file.Finding("%s", why).Fixed("write it with podman login --authfile, as {\"auths\": {\"REGISTRY\": {\"auth\": \"…\"}}}"))
					}
				}
			}
		},
	},
	{
		ID: "BL711", Slug: "script-not-executable", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a script in a directory whose programs are run, without the mode for it",
		Rationale: `What runs everything in a directory leaves out files that are not executable, without a word: health checks of greenboot, scripts of cron, of NetworkManager
and others. A COPY keeps the mode that the file has where the image is built.`,
		URL: "https://github.com/fedora-iot/greenboot",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY --chmod=0644 check.sh /usr/lib/greenboot/check/required.d/50-acme.sh
-- context/check.sh --
#!/bin/sh
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY --chmod=0755 check.sh /usr/lib/greenboot/check/required.d/50-acme.sh
COPY --chmod=0644 README.md /usr/lib/greenboot/check/required.d/
-- context/check.sh --
#!/bin/sh
-- context/README.md --
x
`,
		Wants: scriptDirWants(),
		Check: func(f *Facts, found func(Finding)) {
			for _, dir := range scriptDirs {
				for file := range f.Root.In(dir) {
					text := file.Text()
					if file.IsRegular() && file.Derived() && file.Mode&0o111 == 0 && strings.HasPrefix(text, "#!") && file.extra().conf == Certain && !chmodded(f, file.Path) {
						found(file.Finding("mode %04o: it is never run, because it is not executable", file.Mode.Perm()).Fixed("chmod 0755 %s, or COPY --chmod=0755", printable(file.Path)))
					}
				}
			}
		},
	},
	{
		ID: "BL718", Slug: "cloud-init-not-started", Severity: Warning, Stages: InRoot, Profiles: []Profile{Edge},
		Title: "cloud-init that starts only on platforms it knows",
		Rationale: `The agent's configuration is to come by cloud-init, which nothing starts: its generator looks at boot whether the machine is one of a cloud, and where it sees
none, as on bare metal with a seed on a disk or by a kernel argument, the device stays without. Upstream's guide links cloud-init.target into
default.target.wants.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0 --
file /usr/bin/flightctl-agent 0755
file /usr/bin/cloud-init 0755
file /usr/lib/systemd/system/cloud-init.target [Unit]\n
`,
		Good: `
-- layer 0 --
file /usr/bin/flightctl-agent 0755
file /usr/bin/cloud-init 0755
file /usr/lib/systemd/system/cloud-init.target [Unit]\n
link /usr/lib/systemd/system/default.target.wants/cloud-init.target -> ../cloud-init.target
`,
		Check: func(f *Facts, found func(Finding)) {
			program := f.Root.File("/usr/bin/cloud-init")
			if !f.Root.Whole || program == nil || f.Root.File(agentProgram) == nil || f.Root.File(agentConfigFile) != nil || hasIgnition(f.Root) {
				return
			}
			for range f.Root.Glob("/usr/lib/systemd/system/*.wants/cloud-init.target", "/etc/systemd/system/*.wants/cloud-init.target",
				"/etc/systemd/system/*.wants/cloud-init*.service", "/usr/lib/systemd/system/*.wants/cloud-init*.service") {
				return
			}
			found(program.Finding("nothing starts cloud-init where it does not recognise a cloud, and the agent's configuration is to come by it").
				Fixed("RUN mkdir -p /usr/lib/systemd/system/default.target.wants && ln -s ../cloud-init.target /usr/lib/systemd/system/default.target.wants/"))
		},
	},
	{
		ID: "BL719", Slug: "agent-no-enrollment", Severity: Warning, Stages: InRoot, Profiles: []Profile{Edge},
		Title: "an agent that does not get to know its service",
		Rationale: `The image has the agent, but neither its configuration (early binding), nor a program that brings it to the device, such as cloud-init or Ignition (late
binding); or a configuration whose certificate is in files that nothing brings. Unless the installer writes them, the device stays dark.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0 --
file /usr/bin/flightctl-agent 0755
`,
		Good: `
-- layer 0 --
file /usr/bin/flightctl-agent 0755
file /usr/bin/cloud-init 0755
`,
		Wants: Reading(agentConfigFile),
		Check: func(f *Facts, found func(Finding)) {
			program := f.Root.File(agentProgram)
			if !f.Root.Whole || program == nil || f.Root.File("/usr/bin/cloud-init") != nil || hasIgnition(f.Root) {
				return
			}
			file := f.Root.File(agentConfigFile)
			if file == nil {
				found(program.Finding("has no %s, and nothing in the image that would bring one", agentConfigFile).Unsure(Likely).
					Fixed("bind early (the file in the image) or late (dnf -y install cloud-init); see flightctl.Binding"))
				return
			}
			text, known := file.Content()
			config, err := flightctl.ParseConfig(text)
			auth := config.EnrollmentService.Authentication
			if !known || err != nil || auth.ClientCertificateData != "" {
				return
			}
			cert := auth.ClientCertificate
			if cert == "" {
				cert = flightctl.EnrollmentCertPath
			}
			if !path.IsAbs(cert) {
				cert = path.Join("/etc/flightctl", cert)
			}
			if f.Root.Missing(cert) {
				found(file.Finding("the certificate for enrollment, %s, is not in the image, and nothing in it would bring one", printable(cert)).Unsure(Likely).
					Fixed("bind early, or install what brings it at provisioning: dnf -y install cloud-init"))
			}
		},
	},
	{
		ID: "BL720", Slug: "agent-unpinned", Severity: Note, Stages: InSpec | InContainerfile, Profiles: []Profile{Edge},
		Title: "an agent of the version of the day",
		Rationale: `The agent's packages changed from one minor version to the next what they require, which accounts they make and which timers they mask. Two builds of the same
Containerfile then give devices that behave differently.`,
		URL: "https://github.com/flightctl/flightctl-demos",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install flightctl-agent
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install flightctl-agent-1.2.0
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				if agentPackage(c) == "flightctl-agent" {
					found(c.Finding("which version of the agent this is depends on the day of the build").Showing(c.Text).Fixed("dnf -y install flightctl-agent-1.2.0"))
				}
			}
		},
	},
}

// osAuthFiles have the logins for the OS image and those bound to it.
var osAuthFiles = []string{"/etc/ostree/auth.json", "/usr/lib/ostree/auth.json"}

// authMistake says what is wrong with an auth.json, and quotes none of it.
func authMistake(text []byte) string {
	var file struct {
		Auths map[string]struct {
			Auth, IdentityToken, RegistryToken string
		}
	}
	if strings.TrimSpace(string(text)) == "" {
		return "is empty, and pulls fail: {} is a file without logins"
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return "is no JSON of the form that podman reads, and pulls fail"
	}
	for n, host := range slices.Sorted(maps.Keys(file.Auths)) {
		auth := file.Auths[host]
		pair, err := base64.StdEncoding.DecodeString(auth.Auth)
		switch {
		case auth.Auth == "" && auth.IdentityToken == "" && auth.RegistryToken == "":
			return fmt.Sprintf("number %d of its logins is empty: it is kept by a program of the machine where the file was made", n+1)
		case auth.Auth != "" && (err != nil || !strings.Contains(string(pair), ":")):
			return fmt.Sprintf("number %d of its logins is not base64 of user:password", n+1)
		}
	}
	return ""
}

// scriptDirs have programs that are all run by what looks into the directory.
var scriptDirs = strings.Fields(`/usr/lib/greenboot/check/required.d /usr/lib/greenboot/check/wanted.d /usr/lib/greenboot/green.d /usr/lib/greenboot/red.d
/etc/greenboot/check/required.d /etc/greenboot/check/wanted.d /etc/greenboot/green.d /etc/greenboot/red.d
/etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly
/etc/NetworkManager/dispatcher.d /usr/lib/NetworkManager/dispatcher.d /etc/NetworkManager/dispatcher.d/pre-up.d /usr/lib/NetworkManager/dispatcher.d/pre-up.d
/usr/lib/systemd/system-generators /etc/systemd/system-generators /usr/lib/systemd/system-shutdown /usr/lib/systemd/system-sleep`)

func scriptDirWants() []Want {
	var out []Want
	for _, dir := range scriptDirs {
		out = append(out, Want{Glob: dir + "/*", Max: 64 << 10, Quiet: true})
	}
	return out
}

// hasIgnition says whether the initramfs can run Ignition.
func hasIgnition(t *Tree) bool {
	return t.File("/usr/lib/dracut/modules.d/30ignition") != nil || t.File("/usr/libexec/ignition-rmcfg") != nil || t.File("/usr/bin/ignition") != nil
}
