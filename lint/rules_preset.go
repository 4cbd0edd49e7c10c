package lint

import (
	"path"
	"slices"
	"strings"
)

// presetRules are about units that the build enables and the presets do not.
var presetRules = []Rule{
	{
		ID: "BL511", Slug: "firstboot-undoes-enable", Severity: Error, Stages: InRoot,
		Title: "a unit that is enabled only until the first boot",
		Rationale: `Where /etc/machine-id is missing or says "uninitialized", systemd takes the boot for the first one and sets all units to what the presets say. A unit that
the build has enabled with "systemctl enable", and for which the presets say disable, as Fedora's do for all that they do not name, is disabled
before it ever starts. Bases that are made for it have an empty machine-id, with which nothing is preset.`,
		URL: "https://www.freedesktop.org/software/systemd/man/latest/systemd.preset.html",
		Bad: `
-- layer 0:/usr/lib/systemd/system/acme.service --
[Service]
ExecStart=/usr/bin/acme
[Install]
WantedBy=multi-user.target
-- layer 0:/usr/lib/systemd/system-preset/99-default.preset --
disable *
-- layer 0 --
link /etc/systemd/system/multi-user.target.wants/acme.service -> /usr/lib/systemd/system/acme.service
`,
		Good: `
-- layer 0:/usr/lib/systemd/system/acme.service --
[Service]
ExecStart=/usr/bin/acme
[Install]
WantedBy=multi-user.target
-- layer 0:/usr/lib/systemd/system-preset/50-acme.preset --
enable acme.service
-- layer 0:/usr/lib/systemd/system-preset/99-default.preset --
disable *
-- layer 0 --
link /etc/systemd/system/multi-user.target.wants/acme.service -> /usr/lib/systemd/system/acme.service
`,
		Wants: append(append(unitWants(), presetWants()...), Reading("/etc/machine-id")...),
		Check: func(f *Facts, found func(Finding)) {
			why := firstBoot(f)
			if why == "" {
				return
			}
			for _, link := range againstPresets(f) {
				found(link.Finding("is undone at the first boot: /etc/machine-id %s, so that systemd sets all units to what presets say, which is disable", why).
					FixedBy("/usr/lib/systemd/system-preset/50-"+strings.TrimSuffix(link.Name(), path.Ext(link.Name()))+".preset", "enable "+link.Name()+"\n", "add a preset; or RUN truncate -s 0 /etc/machine-id"))
			}
		},
	},
	{
		ID: "BL704", Slug: "enabled-not-preset", Severity: Note, Stages: InRoot,
		Title: "a unit that is enabled against the presets",
		Rationale: `The link in /etc is all that enables the unit. A device with an /etc of its own making, one that is reset, or whose administrator runs "systemctl
preset-all", does not start it. A preset in /usr/lib says for all of them what the image wants.`,
		URL: "https://www.freedesktop.org/software/systemd/man/latest/systemd.preset.html",
		Bad: `
-- layer 0:/usr/lib/systemd/system/acme.service --
[Service]
ExecStart=/usr/bin/acme
[Install]
WantedBy=multi-user.target
-- layer 0:/usr/lib/systemd/system-preset/99-default.preset --
disable *
-- layer 0 --
file /etc/machine-id
link /etc/systemd/system/multi-user.target.wants/acme.service -> /usr/lib/systemd/system/acme.service
`,
		Good: `
-- layer 0:/usr/lib/systemd/system/acme.service --
[Service]
ExecStart=/usr/bin/acme
[Install]
WantedBy=multi-user.target
-- layer 0 --
file /etc/machine-id
link /etc/systemd/system/multi-user.target.wants/acme.service -> /usr/lib/systemd/system/acme.service
`,
		Wants: append(append(unitWants(), presetWants()...), Reading("/etc/machine-id")...),
		Check: func(f *Facts, found func(Finding)) {
			if firstBoot(f) != "" {
				return // BL511
			}
			for _, link := range againstPresets(f) {
				found(link.Finding("enables the unit, and the presets say disable").
					FixedBy("/usr/lib/systemd/system-preset/50-"+strings.TrimSuffix(link.Name(), path.Ext(link.Name()))+".preset", "enable "+link.Name()+"\n", "add a preset"))
			}
		},
	},
}

// firstBoot says why systemd takes the first boot of a device for one, "" if it does not.
func firstBoot(f *Facts) string {
	file := f.Root.File("/etc/machine-id")
	switch {
	case f.Root.Missing("/etc/machine-id"):
		return "is missing"
	case file != nil && strings.TrimSpace(file.Text()) == "uninitialized":
		return "says uninitialized"
	}
	return ""
}

// againstPresets are the links in /etc by which the image enables units that presets disable.
func againstPresets(f *Facts) []*File {
	if !f.Root.Whole {
		return nil
	}
	lines := f.presets()
	byName := map[string]*unit{}
	for _, u := range f.units() {
		byName[u.name] = u
	}
	var out []*File
	for link := range f.Root.Glob("/etc/systemd/system/*.wants/*", "/etc/systemd/system/*.requires/*") {
		name := link.Name()
		u := byName[name]
		if u == nil {
			u = byName[templateOf(name)]
		}
		if link.IsLink() && link.Derived() && u != nil && installs(u) && preset(lines, name) == "disable" {
			out = append(out, link)
		}
	}
	return out
}

// installs says whether a unit has a section Install: presets leave others alone.
func installs(u *unit) bool {
	return slices.ContainsFunc(u.read, func(f unitFile) bool {
		return slices.ContainsFunc(f.keys, func(g keyGroup) bool { return g.name == "Install" && len(g.keys) > 0 })
	})
}
