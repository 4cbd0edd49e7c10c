package flightctl

import (
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"
)

// quadlet is a unit file with its drop-ins, and what it refers to.
type quadlet struct {
	name     string
	sections []*unit.UnitSection
}

// quadlet parses a unit file and its drop-ins with the library that the agent uses, so that both take the same text.
func (a EmbeddedApp) quadlet(name string) (quadlet, error) {
	q := quadlet{name: name}
	if err := q.add(a.Quadlets[name]); err != nil {
		return q, err
	}
	dropIns := map[string]string{} // path by file name
	for _, dir := range dropInDirs(name) {
		for _, file := range slices.Sorted(maps.Keys(a.Files)) {
			if d, base := path.Split(file); path.Clean(d) == dir && path.Ext(base) == ".conf" {
				dropIns[base] = file
			}
		}
	}
	for _, base := range slices.Sorted(maps.Keys(dropIns)) {
		if err := q.add(a.Files[dropIns[base]]); err != nil {
			return q, fmt.Errorf("its drop-in %s: %w", dropIns[base], err)
		}
	}
	return q, nil
}

// dropInDirs are the directories with drop-ins for a unit file, from the general to the special: container.d,
// web-.container.d, web-app.container.d (systemd.unit(5)).
func dropInDirs(name string) []string {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	dirs := []string{ext[1:] + ".d"}
	for i, r := range stem {
		if r == '-' {
			dirs = append(dirs, stem[:i+1]+ext+".d")
		}
	}
	return append(dirs, name+".d")
}

func (q *quadlet) add(text string) error {
	sections, err := unit.DeserializeSections(strings.NewReader(text))
	q.sections = append(q.sections, sections...)
	return err
}

func (q quadlet) has(section string) bool {
	return slices.ContainsFunc(q.sections, func(s *unit.UnitSection) bool { return s.Section == section })
}

// all returns the values of a key, in order.
func (q quadlet) all(section, key string) []string {
	var out []string
	for _, s := range q.sections {
		for _, e := range s.Entries {
			if s.Section == section && e.Name == key {
				out = append(out, strings.TrimSpace(e.Value))
			}
		}
	}
	return out
}

// mountSource returns type and source of Mount=, which is CSV; the type is "volume" if it is not said.
func mountSource(mount string) (kind, source string, err error) {
	records, err := csv.NewReader(strings.NewReader(mount)).ReadAll()
	if err != nil || len(records) != 1 {
		return "", "", errors.New("is not a list of key=value with commas")
	}
	kind = "volume"
	for _, field := range records[0] {
		key, value, _ := strings.Cut(field, "=")
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "type":
			kind = value
		case "source", "src":
			source = value
		}
	}
	return kind, source, nil
}
