package lint

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// presetDirs say which units of the system are enabled when a machine boots for the first time; a file of the first hides those of the same
// name in the others.
var presetDirs = []string{"/etc/systemd/system-preset", "/usr/local/lib/systemd/system-preset", "/usr/lib/systemd/system-preset", "/lib/systemd/system-preset"}

// presetLine is a line of systemd.preset(5).
type presetLine struct {
	action    string // enable, disable or ignore
	pattern   string
	instances []string // of a template that is enabled
	line      int
}

// parsePreset reads a preset file. systemd leaves out lines that it does not understand, and so does this.
func parsePreset(text string) (lines []presetLine, mistakes []mistake) {
	for n, line := range configLines(text, "#;") {
		words := strings.Fields(line)
		if len(words) < 2 || !slices.Contains([]string{"enable", "disable", "ignore"}, words[0]) {
			mistakes = append(mistakes, mistake{n, errPreset})
			continue
		}
		l := presetLine{action: words[0], pattern: words[1], line: n}
		if l.action == "enable" {
			l.instances = words[2:]
		}
		lines = append(lines, l)
	}
	return lines, mistakes
}

var errPreset = errors.New("want enable, disable or ignore, and the name of a unit")

// presets are the lines of all files in the order in which systemd looks at them: the first that matches counts.
func (f *Facts) presets() []presetLine {
	var out []presetLine
	for _, file := range configFiles(f.Root, presetDirs, ".preset") {
		lines, _ := parsePreset(file.Text())
		out = append(out, lines...)
	}
	return out
}

// preset is what presets do to a unit: enable, disable or ignore. Without a line for it that is enable.
func preset(lines []presetLine, unit string) string {
	template, instance := "", ""
	if at := strings.IndexByte(unit, '@'); at >= 0 {
		ext := path.Ext(unit)
		template, instance = unit[:at+1]+ext, strings.TrimSuffix(unit[at+1:], ext)
	}
	for _, l := range lines {
		if ok, _ := path.Match(l.pattern, unit); ok {
			return l.action
		}
		if ok, _ := path.Match(l.pattern, template); ok && template != "" && l.action == "enable" && slices.Contains(l.instances, instance) {
			return "enable"
		}
	}
	return "enable"
}

// presetWants are for rules that call presets.
func presetWants() []Want { return configWants(presetDirs, ".preset") }
