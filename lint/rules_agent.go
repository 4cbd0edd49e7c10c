package lint

import (
	"path"
	"strings"

	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

const (
	agentProgram = "/usr/bin/flightctl-agent"
	agentUnit    = "flightctl-agent.service"
	agentDocs    = "https://github.com/flightctl/flightctl/blob/main/docs/user/installing/installing-agent.md"
	agentHooks   = "https://github.com/flightctl/flightctl/blob/main/docs/user/using/managing-devices.md"
)

// agentRules are about the agent of Flight Control (Red Hat Edge Manager): its configuration, its unit and its applications.
var agentRules = []Rule{
	{
		ID: "BL710", Slug: "agent-config", Severity: Error, Stages: InSpec | InContainerfile | InRoot, Profiles: []Profile{Edge},
		Title: "a configuration that the agent refuses or ignores",
		Rationale: `The agent reads its configuration leniently: a key that it does not know, or that stands at the wrong level, has no effect and no message, and then it looks for
its service at an address that does not exist, for ever. Files of conf.d may have some of the keys only, and must end in .yaml or .yml. What has no
effect is a warning.`,
		URL: agentDocs,
		Bad: `
-- layer 0:/etc/flightctl/config.yaml 0600 --
enrollment-service:
  server: https://agent-api.acme.example:7443
`,
		Good: `
-- layer 0:/etc/flightctl/config.yaml 0600 --
enrollment-service:
  service:
    server: https://agent-api.acme.example:7443
-- layer 0:/etc/flightctl/conf.d/10-acme.yml --
log-level: debug
`,
		Wants: Reading(agentConfigFile, agentDropIns),
		Check: func(f *Facts, found func(Finding)) {
			say := func(file *File, m agentMistake) {
				out := m.finding(file).Fixed("see flightctl.Config for the keys, and write the file with its YAML method")
				if m.ignored() {
					out = out.As(Warning)
				}
				found(out)
			}
			file, mistakes := f.agentConfig()
			for _, m := range mistakes {
				if !m.dated() {
					say(file, m)
				}
			}
			for file := range f.Files(agentDropIns) {
				if ext := path.Ext(file.Name()); ext != ".yaml" && ext != ".yml" {
					if file.IsRegular() {
						found(file.Finding("the agent reads only .yaml and .yml there, and ignores it").As(Warning).Fixed("rename it"))
					}
					continue
				}
				text, known := file.Content()
				if !known {
					continue
				}
				settings, err := flightctl.ParseSettings(text)
				if err == nil {
					err = settings.Validate("")
				}
				for _, m := range agentMistakes(err) {
					say(file, m)
				}
			}
		},
	},
	{
		ID: "BL713", Slug: "agent-disabled", Severity: Error, Stages: InContainerfile | InSpec | InRoot, Profiles: []Profile{Edge},
		Title: "an agent that does not start",
		Rationale: `Without flightctl-agent.service at boot the device never asks to be enrolled, and one that is enrolled no longer gets updates: also not the one that would
enable the unit.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0 --
file /usr/bin/flightctl-agent 0755
file /usr/lib/systemd/system/flightctl-agent.service [Service]\nExecStart=/usr/bin/flightctl-agent\n
`,
		Good: `
-- layer 0 --
file /usr/bin/flightctl-agent 0755
file /usr/lib/systemd/system/flightctl-agent.service [Service]\nExecStart=/usr/bin/flightctl-agent\n
link /etc/systemd/system/multi-user.target.wants/flightctl-agent.service -> /usr/lib/systemd/system/flightctl-agent.service
`,
		Wants: unitWants(),
		Check: func(f *Facts, found func(Finding)) {
			state := f.unitStates()[agentUnit]
			if state.runs() {
				return
			}
			const fix = "RUN systemctl enable " + agentUnit
			switch program := f.Root.File(agentProgram); {
			case f.Root.Whole && program == nil && f.Root.Missing(agentProgram):
				found(f.Finding("the image has no agent of Flight Control").As(Warning).Fixed("install flightctl-agent, and " + fix))
			case f.Root.Whole && program != nil && state.masked:
				found(program.Finding("is never started: %s is masked", agentUnit).Fixed("systemctl unmask %s", agentUnit))
			case f.Root.Whole && program != nil:
				found(program.Finding("is never started: %s is not enabled", agentUnit).Fixed(fix))
			case !f.Root.Whole:
				if c := installsAgent(f); c != nil {
					found(c.Finding("installs the agent, and nothing enables %s", agentUnit).As(Warning).Unsure(Likely).Showing(c.Text).Fixed(fix))
				}
			}
		},
	},
	{
		ID: "BL714", Slug: "agent-no-greenboot", Severity: Warning, Stages: InContainerfile | InSpec | InRoot, Profiles: []Profile{Edge},
		Title: "no health check that takes back a bad update",
		Rationale: `greenboot checks after an update whether the agent runs, and starts the image before if it does not. Without it an image in which the agent does not start is
the last one that the device gets. From 1.3 on the agent's package only recommends flightctl-greenboot, so that
--setopt=install_weak_deps=False leaves it out.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/installing/configuring-device-greenboot.md",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y --setopt=install_weak_deps=False install flightctl-agent && systemctl enable flightctl-agent
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y --setopt=install_weak_deps=False install flightctl-agent flightctl-greenboot && systemctl enable flightctl-agent
`,
		Check: func(f *Facts, found func(Finding)) {
			const fix = "dnf -y install flightctl-greenboot"
			if f.Root.Whole {
				program := f.Root.File(agentProgram)
				for range f.Files("/usr/lib/greenboot/check/required.d/*flightctl*", "/etc/greenboot/check/required.d/*flightctl*") {
					return
				}
				if program != nil {
					found(program.Finding("no check of greenboot looks whether it runs: a bad update is not taken back").Fixed(fix))
				}
				return
			}
			for c := range f.Commands() {
				if agentPackage(c) != "" && strings.Contains(c.Text, "install_weak_deps=") && !strings.Contains(f.Build.Text, "greenboot") {
					found(c.Finding("leaves out greenboot, which the agent only recommends: a bad update is not taken back").Unsure(Likely).Showing(c.Text).Fixed(fix))
				}
			}
		},
	},
	{
		ID: "BL717", Slug: "agent-embedded-app", Severity: Error, Stages: InSpec | InContainerfile | InRoot, Profiles: []Profile{Edge},
		Title: "an application of the image that the agent refuses",
		Rationale: `The agent reads the applications in /usr/local/etc all together. One with a mistake, be it a compose file of another name or a container_name, makes it read none
of them, and stops updates as well. What is checked is what EmbeddedApp of package bootc/flightctl refuses, which was asked of the agent's own code.`,
		URL: "https://github.com/flightctl/flightctl/tree/main/internal/agent/device/applications/provider",
		Bad: `
-- layer 0:/usr/local/etc/compose/manifests/shop/compose.yaml --
services:
  shop:
    image: quay.io/acme/shop:1
`,
		Good: `
-- layer 0:/usr/local/etc/compose/manifests/shop/podman-compose.yaml --
services:
  shop:
    image: quay.io/acme/shop:1
-- layer 0 --
dir /usr/local/etc/containers/systemd
`,
		Wants: Reading(appDirs[0]+"/**", appDirs[1]+"/**"),
		Check: embeddedMistakes,
	},
}

// agentPackage is the agent's package as a command installs it, "" if it does not.
func agentPackage(c *Command) string {
	if packageVerb(c) != "install" {
		return ""
	}
	for _, w := range c.Operands(dnfFlags...) {
		if name := path.Base(w.Text); name == "flightctl-agent" || agentVersion.MatchString(name) {
			return name
		}
	}
	return ""
}

// agentVersion is the package with its version, or a file of it.
var agentVersion = lazyregexp.New(`^flightctl-agent-v?\d`)

func installsAgent(f *Facts) *Command {
	for c := range f.Commands() {
		if agentPackage(c) != "" {
			return c
		}
	}
	return nil
}
