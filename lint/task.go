package lint

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// task is a command that a device runs by itself.
type task struct {
	*Command
	// file that has the command, and the line of it.
	file *File
	line int
	// by says what runs it: "the unit acme.service", "cron".
	by string
	// unit that runs it; nil if something else does.
	unit *unit
	// reboot says that cron runs it at every boot.
	reboot bool
}

// finding is about the command, in the file that has it.
func (t task) finding(format string, args ...any) Finding {
	out := t.file.Finding(format, args...).OnLine(t.line).Showing(t.Text)
	if t.Maybe {
		out = out.Unsure(Likely)
	}
	return out
}

// tasks are the commands that a device runs by itself: those of units, of cron, rc.local, cloud-init and hooks of the agent, and of
// the shell scripts that these start. What the base has is left out.
func (f *Facts) tasks() []task {
	r := taskReader{root: f.Root}
	for _, u := range f.units() {
		if u.masked || !u.derived() || u.get("Service", "RootDirectory") != "" || u.get("Service", "RootImage") != "" {
			continue
		}
		for _, key := range execKeys {
			for _, s := range u.all("Service", key) {
				if s.file.Derived() {
					list, _ := readExec(s.value)
					r.add(list, s.file, s.line, task{by: "the unit " + u.name, unit: u})
				}
			}
		}
	}
	r.cron()
	for _, name := range []string{"/etc/rc.local", "/etc/rc.d/rc.local"} {
		if file := f.Root.File(name); file != nil && file.Derived() {
			r.script(file, task{by: "rc.local"})
		}
	}
	r.cloudInit()
	r.hooks()
	return r.out
}

// taskWants are for rules that call tasks.
func taskWants() []Want {
	out := append(unitWants(), Reading("/etc/crontab", "/etc/cron.d/*", "/etc/cron.*/*", "/var/spool/cron/**", "/etc/rc.local", "/etc/rc.d/rc.local",
		"/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg", "/usr/lib/flightctl/hooks.d/*/*.yaml", "/etc/flightctl/hooks.d/*/*.yaml")...)
	for _, dir := range []string{"/usr", "/etc", "/opt", "/var/opt", "/var/usrlocal", "/lib", "/bin", "/sbin"} { // scripts
		out = append(out, Want{Glob: dir + "/**", Max: maxTaskScript, Quiet: true, Derived: true, Having: []string{"#!/"}})
	}
	return out
}

// maxTaskScript is the size up to which a script that a unit starts is read.
const maxTaskScript = 64 << 10

type taskReader struct {
	root *Tree
	out  []task
}

// add notes commands, and those of the scripts that they start. A line of 0 says that the commands know their own.
func (r *taskReader) add(commands []*Command, file *File, line int, t task) {
	for _, c := range commands {
		t.Command, t.file, t.line = c, file, line
		if line == 0 {
			t.line = c.Line
		}
		r.out = append(r.out, t)
		if line > 0 { // the scripts of a script are not read
			r.started(c, t)
		}
	}
}

// started reads the script that a command starts.
func (r *taskReader) started(c *Command, t task) {
	name := c.program
	if isShell(c.Name) {
		ops := c.Operands("-o", "-O")
		if len(ops) == 0 || !ops[0].Known || c.Has("-c") {
			return
		}
		name = ops[0].Text
	}
	if !path.IsAbs(name) {
		return
	}
	if script, _ := r.root.Resolve(usrMerged(name)); script != nil && script.Derived() {
		r.script(script, t)
	}
}

// script notes the commands of a shell script.
func (r *taskReader) script(file *File, t task) {
	text := file.Text()
	if i, ok := interpreter(text); !ok || !isShell(i) {
		return
	}
	list, _ := ReadShell(text)
	r.add(list, file, 0, t)
}

// usrMerged is where a path is in a root whose /bin, /lib and /sbin are links into /usr, as they are in every image that boots.
func usrMerged(name string) string {
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		if under(name, dir) {
			return "/usr" + name
		}
	}
	return name
}

// cron reads the tables of cron, and the scripts in the directories that it runs.
func (r *taskReader) cron() {
	for file := range r.root.Glob("/etc/crontab", "/etc/cron.d/*", "/var/spool/cron/*", "/var/spool/cron/crontabs/*") {
		if !file.Derived() || !file.IsRegular() {
			continue
		}
		for _, entry := range parseCrontab(file.Text(), !under(file.Path, "/var")) {
			list, _ := ReadShell(entry.command)
			r.add(list, file, entry.line, task{by: "cron", reboot: entry.reboot})
		}
	}
	for file := range r.root.Glob("/etc/cron.hourly/*", "/etc/cron.daily/*", "/etc/cron.weekly/*", "/etc/cron.monthly/*") {
		if file.Derived() && file.Mode&0o111 != 0 {
			r.script(file, task{by: "cron"})
		}
	}
}

// cronEntry is a line of a crontab.
type cronEntry struct {
	line    int
	reboot  bool
	command string
}

// parseCrontab reads crontab(5). In tables of the system the name of a user stands before the command.
func parseCrontab(text string, system bool) []cronEntry {
	var out []cronEntry
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		fields := 5
		if strings.HasPrefix(line, "@") {
			fields = 1
		}
		if system {
			fields++
		}
		words := strings.Fields(line)
		if line == "" || line[0] == '#' || len(words) <= fields || fields >= 5 && strings.Contains(words[0], "=") {
			continue
		}
		rest := line
		for range fields {
			rest = strings.TrimLeftFunc(rest[strings.IndexFunc(rest, unicode.IsSpace):], unicode.IsSpace)
		}
		command, _, _ := strings.Cut(strings.ReplaceAll(rest, `\%`, "\x00"), "%") // what follows is its input
		out = append(out, cronEntry{n, strings.EqualFold(words[0], "@reboot") || strings.EqualFold(words[0], "@boot"), strings.ReplaceAll(command, "\x00", "%")})
	}
	return out
}

// cloudInit reads runcmd and bootcmd of cloud-init's configuration.
func (r *taskReader) cloudInit() {
	for file := range r.root.Glob("/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg") {
		if !file.Derived() || !file.IsRegular() {
			continue
		}
		var config struct {
			RunCmd  []yaml.Node `yaml:"runcmd"`
			BootCmd []yaml.Node `yaml:"bootcmd"`
		}
		if decodeYAML(file.Text(), &config) != nil {
			continue
		}
		for _, item := range slices.Concat(config.BootCmd, config.RunCmd) {
			var words []string
			script := item.Value
			if item.Decode(&words) == nil && item.Kind == yaml.SequenceNode {
				for i := range words {
					words[i] = quoteWord(words[i], true)
				}
				script = strings.Join(words, " ")
			}
			list, _ := ReadShell(script)
			r.add(list, file, item.Line, task{by: "cloud-init"})
		}
	}
}

// hooks reads the hooks of the Flight Control agent.
func (r *taskReader) hooks() {
	for file := range r.root.Glob("/usr/lib/flightctl/hooks.d/*/*.yaml", "/etc/flightctl/hooks.d/*/*.yaml") {
		if !file.Derived() || !file.IsRegular() {
			continue
		}
		var actions []struct {
			Run yaml.Node `yaml:"run"`
		}
		if decodeYAML(file.Text(), &actions) != nil {
			continue
		}
		for _, a := range actions {
			list, _ := ReadShell(a.Run.Value)
			r.add(list, file, a.Run.Line, task{by: "a hook of the agent"})
		}
	}
}

// decodeYAML reads YAML of a moderate size.
func decodeYAML(text string, v any) error {
	if len(text) > defaultMax {
		return fs.ErrInvalid
	}
	return yaml.Unmarshal([]byte(text), v)
}
