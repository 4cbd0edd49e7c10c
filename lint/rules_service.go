package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// serviceRules are about units that do not start, or not for long.
var serviceRules = []Rule{
	{
		ID: "BL701", Slug: "unit-exec-missing", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a unit that starts a program which is not there",
		Rationale: `The unit fails at each boot with status 203/EXEC, and what needs it does too. A script needs the mode 0755: systemd starts it itself, without a
shell. With "-" before the path a failure is not one to systemd, and the finding is a warning; so it is for a unit that nothing starts at boot.`,
		URL: "https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#ExecStart=",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY acme.service /usr/lib/systemd/system/
COPY --chmod=0644 agent /usr/libexec/acme/agent
-- context/acme.service --
[Service]
ExecStart=/usr/libexec/acme/agent --config /etc/acme.conf
-- context/agent --
#!/bin/sh
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY acme.service /usr/lib/systemd/system/
COPY --chmod=0644 agent other /usr/libexec/acme/
RUN chmod +x /usr/libexec/acme/agent
-- context/acme.service --
[Service]
ExecStart=/usr/libexec/acme/agent --config /etc/acme.conf
ExecStop=/usr/bin/of-the-base
-- context/agent --
#!/bin/sh
-- context/other --
`,
		Wants: unitWants(),
		Check: execMissing,
	},
	{
		ID: "BL702", Slug: "wants-dangling", Severity: Warning, Stages: InRoot,
		Title: "a unit that is enabled and does not exist",
		Rationale: `systemd takes the name of the link for that of a unit, and looks for it where units are. If there is none, it says so in the journal and goes on: what
should have started does not. The name may have a typo, or the package with the unit is gone.`,
		URL: "https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html",
		Bad: `
-- layer 0 --
link /etc/systemd/system/multi-user.target.wants/acme.service -> /usr/lib/systemd/system/acme.service
`,
		Good: `
-- layer 0 --
file /usr/lib/systemd/system/acme@.service
link /etc/systemd/system/multi-user.target.wants/acme@1.service -> /usr/lib/systemd/system/acme@.service
file /usr/share/containers/systemd/web.container
link /etc/systemd/system/multi-user.target.wants/web.service -> ../web.service
`,
		Check: func(f *Facts, found func(Finding)) {
			if !f.Root.Whole {
				return
			}
			for _, dir := range unitDirs {
				for link := range f.Root.Glob(dir+"/*.wants/*", dir+"/*.requires/*", dir+"/*.upholds/*") {
					if name := link.Name(); link.Derived() && link.IsLink() && slices.Contains(unitTypes, path.Ext(name)) && !unitExists(f, name) {
						found(link.Finding("there is no unit %s: nothing is started", printable(name)).Fixed("rm %s, or bring the unit", printable(link.Path)))
					}
				}
			}
		},
	},
}

// templateOf is the template of an instance, "" if the unit is none.
func templateOf(name string) string {
	at := strings.IndexByte(name, '@')
	if at < 0 {
		return ""
	}
	return name[:at+1] + path.Ext(name)
}

// unitExists says whether systemd finds a unit of that name: a file, a template, or one that a generator makes.
func unitExists(f *Facts, name string) bool {
	for _, dir := range append([]string{"/etc/systemd/system.control", "/etc/systemd/system.attached"}, unitDirs...) {
		if f.Root.File(dir+"/"+name) != nil || templateOf(name) != "" && f.Root.File(dir+"/"+templateOf(name)) != nil {
			return true
		}
	}
	stem, ext := strings.TrimSuffix(name, path.Ext(name)), path.Ext(name)
	if ext == ".mount" || ext == ".swap" || ext == ".automount" {
		return f.Root.File("/etc/fstab") != nil
	}
	if ext != ".service" {
		return false
	}
	for _, init := range []string{"/etc/init.d/", "/etc/rc.d/init.d/"} {
		if f.Root.File(init+stem) != nil {
			return true
		}
	}
	return slices.ContainsFunc(f.quadlets(), func(q quadletUnit) bool { return q.service() == name || q.service() == templateOf(name) })
}

// systemPath is where systemd looks for programs without a path.
var systemPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

func execMissing(f *Facts, found func(Finding)) {
	fromPackage, states := byPackages(), f.unitStates()
	for _, u := range f.units() {
		starts := startsAtBoot(u.name, states)
		if !starts && !f.BoundaryKnown() { // most likely of the base, for software that is not installed
			continue
		}
		if u.masked || u.file == nil || !u.derived() || u.get("Service", "RootDirectory") != "" || u.get("Service", "RootImage") != "" || u.get("Service", "ExecSearchPath") != "" {
			continue
		}
		for _, key := range []string{"ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"} {
			for _, s := range u.all("Service", key) {
				if !s.file.Derived() || fromPackage(s.file) {
					continue
				}
				program := execProgram(s.value)
				why := cannotStart(f, u, program)
				if why == "" {
					continue
				}
				out := s.file.Finding("%s %s: %s", key, printable(program), why).OnLine(s.line).Showing(s.value)
				optional := strings.Contains(s.value[:len(s.value)-len(strings.TrimLeft(s.value, "-@:+!|"))], "-")
				if optional || !starts || !strings.HasPrefix(key, "ExecStart") {
					out = out.As(Warning)
				}
				fix := fmt.Sprintf("install %s, or correct the path", printable(program))
				if strings.Contains(why, "mode") {
					fix = fmt.Sprintf("COPY --chmod=0755, or RUN chmod 0755 %s", printable(program))
				}
				found(out.Fixed("%s", fix))
			}
		}
	}
}

// startsAtBoot says whether a unit is enabled, itself, an instance of it, or what starts it.
func startsAtBoot(name string, states map[string]unitState) bool {
	stem := strings.TrimSuffix(name, path.Ext(name))
	for other, s := range states {
		if s.runs() && (other == name || templateOf(other) == name ||
			strings.TrimSuffix(other, path.Ext(other)) == stem && slices.Contains([]string{".timer", ".socket", ".path"}, path.Ext(other))) {
			return true
		}
	}
	return false
}

// execProgram is the program of the value of ExecStart=, "" if nobody can tell.
func execProgram(value string) string {
	words, _, err := sdWords(strings.TrimLeft(value, "-@:+!|"), 1, true)
	if err != nil || len(words) == 0 || strings.ContainsAny(words[0], "%$") {
		return ""
	}
	return words[0]
}

// cannotStart says why systemd cannot start the program, "" if it can or nobody knows.
func cannotStart(f *Facts, u *unit, program string) string {
	if program == "" {
		return ""
	}
	names := []string{program}
	if !path.IsAbs(program) {
		names = nil
		for _, dir := range systemPath {
			names = append(names, path.Join(dir, program))
		}
	}
	for _, name := range names {
		file, end := f.Root.Resolve(name)
		if file == nil && !f.Root.Whole {
			file, end = f.Root.Resolve(usrMerged(name))
		}
		switch {
		case slices.ContainsFunc([]string{"/var", "/run", "/home", "/tmp", "/mnt", "/media", "/srv", "/sysroot"}, func(d string) bool { return under(end, d) }):
			return ""
		case file != nil && !file.IsRegular():
			return "that is no program"
		case file != nil && file.Mode&0o111 == 0:
			if path.IsAbs(program) && file.extra().conf == Certain && !chmodded(f, file.Path) {
				return fmt.Sprintf("its mode is %04o, so that nothing can start it", file.Mode.Perm())
			}
			return ""
		case file != nil || !f.Root.Missing(end):
			return ""
		}
	}
	for _, key := range []string{"ConditionPathExists", "ConditionFileIsExecutable", "AssertPathExists", "ConditionFileNotEmpty"} {
		for _, c := range u.all("Unit", key) {
			if strings.TrimLeft(c.value, "|") == program {
				return ""
			}
		}
	}
	return "there is no such program"
}

// chmodded says whether a command gives the file a mode that depends on the one it had.
func chmodded(f *Facts, p string) bool {
	for c := range f.Commands() {
		for i := range c.Writes {
			if w := &c.Writes[i]; w.Op == Chmod && !w.HasMode && w.takes(p) {
				return true
			}
		}
	}
	return false
}
