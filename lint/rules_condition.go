package lint

// conditionRules are about conditions of units.
var conditionRules = []Rule{
	{
		ID: "BL407", Slug: "firstboot-flag-in-etc", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a unit that deletes its own flag in /etc",
		Rationale: `To delete a file that the image has in /etc is a change of the device like any other. Updates keep it deleted; with some versions of bootc they
failed on it. A flag that is used up belongs into /var, or is not needed: ConditionFirstBoot= and StateDirectory= do the same.`,
		URL: "https://github.com/bootc-dev/bootc/issues/1924",
		Bad: `
-- layer 0:/usr/lib/systemd/system/join.service --
[Unit]
ConditionPathExists=/etc/acme/join-next-boot
[Service]
Type=oneshot
ExecStart=/usr/bin/acme-join
ExecStartPost=/usr/bin/rm -f /etc/acme/join-next-boot
`,
		Good: `
-- layer 0:/usr/lib/systemd/system/join.service --
[Unit]
ConditionPathExists=!/var/lib/acme/joined
[Service]
Type=oneshot
ExecStart=/usr/bin/acme-join
ExecStartPost=/usr/bin/touch /var/lib/acme/joined
`,
		Wants: taskWants(),
		Check: func(f *Facts, found func(Finding)) {
			for _, t := range f.tasks() {
				for _, w := range t.Writes {
					if flag := t.flagOf(w); flag != "" {
						found(t.finding("deletes %s, its own condition: the device then differs from its image", printable(flag)).
							Fixed("ConditionPathExists=!/var/lib/NAME/done, and touch that file at the end; or ConditionFirstBoot=yes"))
					}
				}
			}
		},
	},
	{
		ID: "BL408", Slug: "condition-never-true", Severity: Warning, Stages: InRoot,
		Title: "a unit with a condition that never holds",
		Rationale: `systemd skips a unit whose condition does not hold, and says so nowhere but in its status. What the path in the condition names is not in the image, and nothing
in it makes it: often it is the name that has a mistake.`,
		URL: "https://bootc.dev/bootc/building/management-services.html",
		Bad: `
-- layer 0 --
use bootable
-- layer 1:/usr/lib/systemd/system/join.service --
[Unit]
ConditionPathExists=/etc/acme/.run_client_next_boot
[Service]
ExecStart=/usr/bin/acme-join
-- layer 1:/etc/acme/.run_next_boot --
yes
-- linter.json --
{"BaseLayers": 1}
`,
		Good: `
-- layer 0 --
use bootable
-- layer 1:/usr/lib/systemd/system/join.service --
[Unit]
ConditionPathExists=/etc/acme/.run_next_boot
ConditionPathExists=!/usr/share/acme/off
ConditionPathExists=/var/lib/acme/ready
[Service]
ExecStart=/usr/bin/acme-join
-- layer 1:/etc/acme/.run_next_boot --
yes
-- linter.json --
{"BaseLayers": 1}
`,
		Wants: append(taskWants(), tmpfilesWants()...),
		Check: func(f *Facts, found func(Finding)) {
			if !f.Root.Whole || !f.BoundaryKnown() { // bases have units for what only some devices have
				return
			}
			packaged := byPackages()
			made := madeAtRuntime(f)
			for _, u := range f.units() {
				if u.masked || u.file == nil || !u.file.Derived() || packaged(u.file) {
					continue
				}
				for _, key := range []string{"ConditionPathExists", "ConditionFileNotEmpty", "ConditionFileIsExecutable", "ConditionPathIsDirectory"} {
					for _, s := range u.all("Unit", key) {
						if out, ok := neverTrue(f, s, made); ok {
							found(out)
						}
					}
				}
			}
		},
	},
}
