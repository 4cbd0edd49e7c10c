package lint

import "io/fs"

// modeRules are about permissions.
var modeRules = []Rule{
	{
		ID: "BL214", Slug: "world-writable", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a file that anyone may change",
		Rationale: `Whoever gets to run anything on the device can change it, and with it what others run or read. Directories that all may write to
need the sticky bit, as /tmp has it.`,
		URL: "https://cwe.mitre.org/data/definitions/732.html",
		Bad: `
-- layer 0 --
file /usr/bin/agent 0777
`,
		Good: `
-- layer 0 --
file /usr/bin/agent 0755
dir /var/tmp 1777
link /usr/bin/link -> agent
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.All() {
				if file.Mode.Perm()&0o002 == 0 || file.IsLink() || file.IsDir() && file.Mode&fs.ModeSticky != 0 {
					continue
				}
				out := file.Finding("mode %04o: anyone may change it", file.Mode.Perm()).Fixed("chmod o-w %s", printable(file.Path))
				if under(file.Path, "/usr") || under(file.Path, "/etc") {
					out = out.As(Error)
				}
				found(out)
			}
		},
	},
}
