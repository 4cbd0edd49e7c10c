package containerfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/openshift/imagebuilder/dockerfile/command"
	"github.com/openshift/imagebuilder/dockerfile/parser"
)

// knownFlags are the flags that buildah takes. The builder ignores unknown ones where an instruction has no flags at
// all; they are refused here.
var knownFlags = map[string][]string{
	command.From:        {"platform", "after"},
	command.Run:         {"mount", "network"},
	command.Copy:        {"from", "chown", "chmod", "link", "parents", "exclude"},
	command.Add:         {"chown", "chmod", "checksum", "link", "keep-git-dir", "exclude"},
	command.Healthcheck: {"interval", "timeout", "start-period", "start-interval", "retries"},
}

// switches are the flags that may stand without a value.
var switches = []string{"link", "parents", "keep-git-dir"}

// flagList is the flags of an instruction, with their values as plain words.
type flagList []Pair

func parseFlags(node *parser.Node) (flagList, error) {
	var flags flagList
	for _, flag := range node.Flags {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		if !slices.Contains(knownFlags[node.Value], name) {
			return nil, fmt.Errorf("unknown flag --%s", name)
		}
		isSwitch := slices.Contains(switches, name)
		switch {
		case isSwitch && !hasValue:
			value = "true"
		case isSwitch && value != "true" && value != "false":
			return nil, fmt.Errorf("--%s is true or false", name)
		case value == "":
			return nil, fmt.Errorf("--%s needs a value, as in --%s=VALUE", name, name)
		case node.Value != command.Healthcheck: // whose flags do not expand
			var err error
			if value, err = plain(value); err != nil {
				return nil, fmt.Errorf("--%s: %w", name, err)
			}
		}
		flags = append(flags, Pair{name, value})
	}
	return flags, nil
}

// all returns the values of a flag that may be repeated, nil if there are none.
func (l flagList) all(name string) []string {
	var list []string
	for _, f := range l {
		if f.Key == name {
			list = append(list, f.Value)
		}
	}
	return list
}

// last returns the value of a flag: the builder takes the last one.
func (l flagList) last(name string) string {
	list := l.all(name)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

func (l flagList) run(r Run) (Step, error) {
	r.Network = l.last("network")
	for _, spec := range l.all("mount") {
		m, err := parseMount(spec)
		if err != nil {
			return nil, fmt.Errorf("--mount=%s: %w", spec, err)
		}
		r.Mounts = append(r.Mounts, m)
	}
	return r, nil
}

func (l flagList) copy(c Copy) (Step, error) {
	c.From, c.Chown, c.Chmod = l.last("from"), l.last("chown"), l.last("chmod")
	c.Link, c.Parents, c.Exclude = l.last("link") == "true", l.last("parents") == "true", l.all("exclude")
	return c, nil
}

func (l flagList) add(a Add) (Step, error) {
	a.Chown, a.Chmod, a.Checksum = l.last("chown"), l.last("chmod"), l.last("checksum")
	a.Link, a.KeepGitDir, a.Exclude = l.last("link") == "true", l.last("keep-git-dir") == "true", l.all("exclude")
	return a, nil
}

func (l flagList) healthcheck(h Healthcheck) (Step, error) {
	h.Interval, h.Timeout = l.last("interval"), l.last("timeout")
	h.StartPeriod, h.StartInterval = l.last("start-period"), l.last("start-interval")
	if s := l.last("retries"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, errors.New("--retries must be a number of at least 1")
		}
		h.Retries = n
	}
	return h, nil
}

// spellFlag spells --name=value. The builder's parser takes quotes and backslashes off flags byte by byte, which turns all
// that is not ASCII into something else.
func spellFlag(name, value string) (string, error) {
	for i := range len(value) {
		if value[i] >= 0x80 {
			return "", errors.New("the builder spoils what is not ASCII in a flag")
		}
	}
	if strings.ContainsAny(value, " \t\v\f\r'\"\\") {
		value = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	return "--" + name + "=" + value, nil
}
