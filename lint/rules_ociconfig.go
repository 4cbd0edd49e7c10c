package lint

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// ociConfigRules are about settings of the image that only container engines read.
var ociConfigRules = []Rule{
	{
		ID: "BL307", Slug: "ignored-oci-config", Severity: Warning, Stages: InSpec | InContainerfile | InConfig,
		Title: "settings for containers, which a device does not read",
		Rationale: `A device boots the root file system; what EXPOSE, ENV, HEALTHCHECK, VOLUME and ENTRYPOINT say is for who runs the image as a container. The port stays
closed, the variable unset, and the check does not run. Units, their Environment= and their timers do this on a device.`,
		URL: "https://bootc.dev/bootc/building/bootc-runtime.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install nginx
EXPOSE 443
ENV NGINX_WORKERS=4
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
ARG VERSION=1
RUN dnf -y install nginx-$VERSION
ENV container=oci
STOPSIGNAL SIGRTMIN+3
CMD ["/sbin/init"]
`,
		Check: func(f *Facts, found func(Finding)) {
			c := f.Config
			if c == nil {
				return
			}
			say := func(s Setting, what, fix string) {
				if s.Set && !s.Base {
					found(s.Finding("%s means nothing to a device, which boots and is no container", what).Fixed("%s", fix))
				}
			}
			for _, name := range sortedKeys(c.Ports) {
				say(c.Ports[name], "the exposed port "+clip(name), "firewall-offline-cmd --add-port="+clip(portOf(name)))
			}
			for _, name := range sortedKeys(c.Volumes) {
				say(c.Volumes[name], "the volume "+clip(name), "a .mount unit, or StateDirectory= in the unit that needs it")
			}
			say(c.Healthcheck, "the health check", "a check of greenboot in /usr/lib/greenboot/check/required.d, or a timer")
			say(c.Entrypoint, "the entrypoint", "a unit that is enabled")
			inherits := slices.ContainsFunc(sortedKeys(c.Env), func(name string) bool { return c.Env[name].Base })
			for _, name := range sortedKeys(c.Env) {
				s := c.Env[name]
				if !s.Set || s.Base || name == "PATH" || name == "container" || s.Step == nil && !inherits {
					continue
				}
				out := s.Finding("the variable %s is not set on a device", clip(name)).Fixed("Environment= in the unit that reads it, or a file in /usr/lib/environment.d for the sessions of users")
				if s.Step == nil || runsAfter(s.Step) {
					out = s.Finding("the variable %s is set for the build and for containers, and not on a device", clip(name)).As(Note).
						Fixed("for the build alone ARG does; for a service Environment= in its unit")
				}
				found(out)
			}
		},
	},
	{
		ID: "BL308", Slug: "user-left-nonroot", Severity: Warning, Stages: InSpec | InContainerfile | InConfig,
		Title:     "a user other than root at the end",
		Rationale: `On a device the user means nothing. Whoever builds on top of the image, or runs bootc's own lint in it, finds that steps fail for want of rights.`,
		URL:       "https://bootc.dev/bootc/building/bootc-runtime.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
USER acme
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
USER acme
RUN acme-setup
USER 0
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Config == nil {
				return
			}
			s := f.Config.User
			name, _, _ := strings.Cut(s.Value, ":")
			if s.Set && !s.Base && !s.Unknown && name != "" && name != "root" && name != "0" {
				found(s.Finding("the user is %s: steps on top of the image lack the rights they need, and a device does not heed it", clip(s.Value)).
					Fixed("USER 0 at the end; a service has User= in its unit"))
			}
		},
	},
}

// runsAfter says whether a RUN of the image comes after the step.
func runsAfter(s *Step) bool {
	i := slices.Index(s.build.Steps, s)
	return slices.ContainsFunc(s.build.Steps[i+1:], func(o *Step) bool {
		_, run := o.Step.(containerfile.Run)
		return run && o.InImage
	})
}

// portOf is a port as firewalld takes it.
func portOf(s string) string {
	if !strings.Contains(s, "/") {
		s += "/tcp"
	}
	return s
}
