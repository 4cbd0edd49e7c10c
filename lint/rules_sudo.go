package lint

import (
	"slices"
	"strings"
)

// sudoRules are about who may become root.
var sudoRules = []Rule{
	{
		ID: "BL608", Slug: "sudoers-file", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a file that sudo ignores or refuses",
		Rationale: `sudo reads no file in /etc/sudoers.d whose name has a dot or ends in ~, none that others than root may change, and stops at one with a mistake in
it. What it should have allowed then is not, without a word until somebody needs it. The mode should be 0440: sudo takes others that only root
can write to, but visudo -c complains of them.`,
		URL: "https://www.sudo.ws/docs/man/sudoers.man/#Including_other_files_from_within_sudoers",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY --chmod=0440 <<END /etc/sudoers.d/acme.conf
ops ALL=(ALL) /usr/bin/systemctl restart acme
END
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY --chmod=0440 <<END /etc/sudoers.d/50-acme
ops ALL=(ALL) /usr/bin/systemctl restart acme
END
`,
		Wants: Reading("/etc/sudoers", "/etc/sudoers.d/*"),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Files("/etc/sudoers", "/etc/sudoers.d/*") {
				if !file.IsRegular() || !file.Derived() {
					continue
				}
				if name := file.Name(); file.Path != "/etc/sudoers" && (strings.Contains(name, ".") || strings.HasSuffix(name, "~")) {
					better := strings.Trim(strings.NewReplacer(".", "-", "~", "").Replace(strings.TrimSuffix(name, ".conf")), "-")
					found(file.Finding("sudo ignores the file: its name has a dot, or ends in ~").Fixed("mv %s /etc/sudoers.d/%s", printable(file.Path), printable(better)))
					continue
				}
				switch perm := file.Mode.Perm(); {
				case file.UID != 0:
					found(file.Finding("sudo refuses the file: it is user %d's and not root's", file.UID).Fixed("chown 0:0 %s", printable(file.Path)))
				case perm&0o002 != 0, perm&0o020 != 0 && file.GID != 0:
					found(file.Finding("mode %04o: sudo refuses the file, because others than root may change it", perm).Fixed("chmod 0440 %s", printable(file.Path)))
				case perm != 0o440 && perm != 0o400 && file.Write() == nil: // of what a command makes the mode is a guess
					found(file.Finding("mode %04o: visudo -c calls that bad permissions; 0440 is right", perm).As(Note).Fixed("chmod 0440 %s", printable(file.Path)))
				}
				_, mistakes := parseSudoers(file.Text())
				for _, m := range mistakes {
					found(file.Finding("sudo cannot read the line, and ignores the file or stops working: %v", m.err).OnLine(m.line).Fixed("visudo -cf FILE shows the place"))
				}
			}
		},
	},
	{
		ID: "BL609", Slug: "nopasswd-all", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "an account that becomes root without being asked",
		Rationale: `Whatever gets to run as that user has the whole device: a stolen key, a program with a hole. If it is for automation, name the commands that it
needs.`,
		URL: "https://www.sudo.ws/docs/man/sudoers.man/#NOPASSWD_and_PASSWD",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops && chmod 0440 /etc/sudoers.d/ops
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN echo 'ops ALL=(root) NOPASSWD: /usr/bin/systemctl restart acme' > /etc/sudoers.d/ops && chmod 0440 /etc/sudoers.d/ops
`,
		Wants: Reading("/etc/sudoers", "/etc/sudoers.d/*"),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Files("/etc/sudoers", "/etc/sudoers.d/*") {
				if !file.Derived() {
					continue
				}
				_, whole := file.Content()
				rules, _ := parseSudoers(string(file.Part()))
				for _, r := range rules {
					if r.command != "ALL" || !slices.Contains(r.tags, "NOPASSWD") || slices.Contains(r.users, "root") || r.tags[len(r.tags)-1] == "PASSWD" {
						continue
					}
					out := file.Finding("%s can do everything as root without a password", printable(strings.Join(r.users, ", "))).
						Fixed("name the commands: %s ALL=(root) NOPASSWD: /usr/bin/systemctl restart acme", printable(strings.Join(r.users, ", ")))
					if whole {
						out = out.OnLine(r.line)
					}
					found(out)
				}
			}
		},
	},
}
