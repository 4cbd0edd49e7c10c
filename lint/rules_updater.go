package lint

// updaterRules are about ways to update a device beside bootc and the Flight Control agent.
var updaterRules = []Rule{
	{
		ID: "BL409", Slug: "self-updaters", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a second way for the device to update itself",
		Rationale: `A bootable image is updated as a whole. A timer of the package tool downloads packages that it cannot install, fails every day, or changes the system behind
the back of bootc.`,
		URL: "https://bootc.dev/bootc/package-managers.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install dnf-automatic && systemctl enable dnf-automatic.timer
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y install dnf-automatic && systemctl enable dnf-automatic.timer && systemctl disable dnf-automatic.timer
`,
		Wants: append(unitWants(), Reading("/etc/rpm-ostreed.conf")...),
		Check: func(f *Facts, found func(Finding)) {
			states := f.unitStates()
			for _, name := range sortedKeys(states) {
				s := states[name]
				if !s.runs() || !unitName(name, selfUpdaters...) {
					continue
				}
				out := s.finding("%s updates packages on the device, and /usr is read-only there", name)
				if name == "rpm-ostreed-automatic.timer" {
					policy, known := rpmOstreePolicy(f)
					switch {
					case known && policy != "stage" && policy != "apply":
						continue
					case !known:
						out = out.As(Warning).Unsure(Likely)
					}
				}
				found(out.Fixed("systemctl disable %s", name))
			}
		},
	},
	{
		ID: "BL410", Slug: "double-updater", Severity: Error, Stages: InSpec | InContainerfile | InRoot, Profiles: []Profile{Edge},
		Title: "both the Flight Control agent and bootc's timer update the device",
		Rationale: `The agent decides which image a device runs, and when. bootc-fetch-apply-updates.timer takes the newest image of the tag that was booted and reboots at
once: the two undo each other's work. Packages of the agent from 1.2 on mask the timer on the device, in most but not all ways in
which they can be installed.`,
		URL: "https://github.com/flightctl/flightctl/blob/main/docs/user/building/building-images.md",
		Bad: `
-- layer 0 --
link /etc/systemd/system/multi-user.target.wants/flightctl-agent.service -> /usr/lib/systemd/system/flightctl-agent.service
link /usr/lib/systemd/system/default.target.wants/bootc-fetch-apply-updates.timer -> ../bootc-fetch-apply-updates.timer
-- layer 0:/usr/lib/systemd/system/flightctl-agent.service --
[Service]
ExecStart=/usr/bin/flightctl-agent
-- layer 0:/usr/lib/systemd/system/bootc-fetch-apply-updates.timer --
[Timer]
OnBootSec=1h
`,
		Good: `
-- layer 0 --
link /etc/systemd/system/multi-user.target.wants/flightctl-agent.service -> /usr/lib/systemd/system/flightctl-agent.service
link /usr/lib/systemd/system/default.target.wants/bootc-fetch-apply-updates.timer -> ../bootc-fetch-apply-updates.timer
link /etc/systemd/system/bootc-fetch-apply-updates.timer -> /dev/null
`,
		Wants: unitWants(),
		Check: func(f *Facts, found func(Finding)) {
			const (
				agent = "flightctl-agent.service"
				timer = "bootc-fetch-apply-updates.timer"
				fix   = "RUN systemctl mask " + timer
			)
			states := f.unitStates()
			a, t := states[agent], states[timer]
			switch ownMask := f.Root.File("/usr/libexec/flightctl/mask-bootc-timer.sh") != nil; {
			case !a.runs() || t.masked:
			case t.enabled && ownMask:
				found(t.finding("%s is enabled in the image; the agent's package masks it on the device", timer).As(Note).Fixed(fix))
			case t.enabled:
				found(t.finding("%s updates the device as well as the agent does", timer).Fixed(fix))
			case !f.Root.Whole: // the base may enable it
				found(a.finding("nothing here masks %s, which the base may have enabled; the agent's package does from 1.2 on", timer).As(Note).Unsure(Possible).Fixed(fix))
			}
		},
	},
}

// selfUpdaters are units that update packages.
var selfUpdaters = []string{
	"dnf-automatic.timer", "dnf-automatic-install.timer", "dnf-automatic-download.timer", "dnf-automatic-notifyonly.timer", "dnf5-automatic.timer",
	"rpm-ostreed-automatic.timer", "unattended-upgrades.service", "yum-cron.service",
}

// rpmOstreePolicy is what rpm-ostreed-automatic.timer is configured to do; none is the default.
func rpmOstreePolicy(f *Facts) (policy string, known bool) {
	file := f.Root.File("/etc/rpm-ostreed.conf")
	if file == nil {
		return "none", f.Root.Whole
	}
	text, known := file.Content()
	k, _, _ := parseKeyFile(string(text))
	return k.get("Daemon", "AutomaticUpdatePolicy"), known
}
