package lint

import (
	"slices"
	"strings"
)

// runtimeRules are about changes to a system while it runs.
var runtimeRules = []Rule{
	{
		ID: "BL405", Slug: "live-verb-in-run", Severity: Error, Stages: InContainerfile,
		Title: "a command that needs a running system",
		Rationale: `While an image is built there is no systemd and no kernel of its own. Commands that talk to them fail, or seem to work and leave
nothing behind. What they should do belongs into files that take effect at boot.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install nginx && \
    systemctl enable --now nginx && \
    dnf clean all
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install nginx && \
    systemctl enable nginx && \
    systemctl --root=/mnt start nginx && \
    dnf clean all
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				if what, fix := liveVerb(c); what != "" {
					found(c.Finding("%s needs a running system, which a build does not have", what).Fixed("%s", fix).Showing(c.Text))
				}
			}
		},
	},
}

var liveVerbs = strings.Fields("start restart stop reload try-restart reload-or-restart isolate kill daemon-reload daemon-reexec reboot poweroff")

// liveVerb says what of a command needs a running system, and what to do instead.
func liveVerb(c *Command) (what, fix string) {
	switch c.Name {
	case "systemctl":
		if c.Has("--root", "--global", "--user") {
			return "", ""
		}
		if c.Has("--now") {
			return "systemctl " + c.Verb() + " --now", "leave out --now: the unit is started at boot"
		}
		if verb := c.Verb("-t", "-p", "-H", "-M"); slices.Contains(liveVerbs, verb) {
			return "systemctl " + verb, "systemctl enable starts a unit at boot; units and drop-ins are read then without daemon-reload"
		}
	}
	return "", ""
}
