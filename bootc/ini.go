package bootc

import (
	"fmt"
	"strings"
)

// setting is one assignment of a file in the syntax of systemd.syntax(7).
type setting struct{ section, key, value string }

// parseINI reads sections, assignments, comments and lines continued by a backslash. Anything else is an error
// that names the line.
func parseINI(text string) ([]setting, error) {
	var out []setting
	section, pending, start, n := "", "", 0, 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" && pending == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue // comments may stand between continued lines
		}
		if pending == "" {
			start = n
		}
		if head, more := strings.CutSuffix(line, `\`); more {
			pending += head + " "
			continue
		}
		line, pending = pending+line, ""
		if name, ok := strings.CutPrefix(line, "["); ok {
			if section, ok = strings.CutSuffix(name, "]"); !ok || section == "" {
				return nil, fmt.Errorf("line %d: %q is not a [section]", start, line)
			}
			out = append(out, setting{section: section})
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		switch {
		case !ok || strings.TrimSpace(key) == "":
			return nil, fmt.Errorf("line %d: %q is neither a [section] nor key=value", start, line)
		case section == "":
			return nil, fmt.Errorf("line %d: %q stands before the first [section]", start, line)
		}
		out = append(out, setting{section, strings.TrimSpace(key), strings.TrimSpace(value)})
	}
	if pending != "" {
		return nil, fmt.Errorf("line %d: continued by a backslash, but nothing follows", start)
	}
	return out, nil
}

// checkINI is parseINI for its error, and for files that have no section at all.
func checkINI(text string) error {
	settings, err := parseINI(text)
	if err == nil && len(settings) == 0 && strings.TrimSpace(text) != "" {
		return nil // comments only
	}
	return err
}
