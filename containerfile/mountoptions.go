package containerfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mountOption ties a key of --mount to a field of Mount.
type mountOption struct {
	field string   // its name, for paths
	keys  []string // of which the first is printed
	tmpfs string   // the key for type tmpfs, if that has another
	types []string // for which the builder takes it
	text  func(*Mount) *string
	bool  func(*Mount) *bool
}

// mountOptions in the order in which they are printed. Sources: buildah's internal/volumes/volumes.go and
// run_common.go.
var mountOptions = []mountOption{
	{"id", []string{"id"}, "", []string{"cache", "secret", "ssh"}, func(m *Mount) *string { return &m.ID }, nil},
	{"from", []string{"from"}, "", []string{"bind", "cache"}, func(m *Mount) *string { return &m.From }, nil},
	{"source", []string{"source", "src"}, "", []string{"bind", "cache"}, func(m *Mount) *string { return &m.Source }, nil},
	{"target", []string{"target", "dst", "destination"}, "", mountTypes, func(m *Mount) *string { return &m.Target }, nil},
	{"env", []string{"env"}, "", []string{"secret"}, func(m *Mount) *string { return &m.Env }, nil},
	{"sharing", []string{"sharing"}, "", []string{"cache"}, func(m *Mount) *string { return &m.Sharing }, nil},
	{"mode", []string{"mode"}, "tmpfs-mode", []string{"cache", "secret", "ssh", "tmpfs"}, func(m *Mount) *string { return &m.Mode }, nil},
	{"uid", []string{"uid"}, "", []string{"cache", "secret", "ssh"}, func(m *Mount) *string { return &m.UID }, nil},
	{"gid", []string{"gid"}, "", []string{"cache", "secret", "ssh"}, func(m *Mount) *string { return &m.GID }, nil},
	{"size", []string{"tmpfs-size"}, "", []string{"tmpfs"}, func(m *Mount) *string { return &m.Size }, nil},
	{"writable", []string{"rw", "readwrite"}, "", []string{"bind", "cache"}, nil, func(m *Mount) *bool { return &m.Writable }},
	{"readonly", []string{"ro", "readonly"}, "", []string{"bind", "cache", "tmpfs"}, nil, func(m *Mount) *bool { return &m.ReadOnly }},
	{"required", []string{"required"}, "", []string{"secret", "ssh"}, nil, func(m *Mount) *bool { return &m.Required }},
}

// names returns the option's keys for a type of mount, nil if the builder does not take it there.
func (o mountOption) names(kind string) []string {
	switch {
	case !slices.Contains(o.types, kind):
		return nil
	case kind == "tmpfs" && o.tmpfs != "":
		return []string{o.tmpfs}
	}
	return o.keys
}

var mountTypes = []string{"bind", "cache", "secret", "ssh", "tmpfs"}

// kind is the type that the builder takes m for.
func (m Mount) kind() string {
	if m.Type == "" {
		return "bind"
	}
	return m.Type
}

// parseMount reads the value of a --mount. What the fields do not cover goes to Options as it is.
func parseMount(spec string) (Mount, error) {
	tokens := splitOutside(spec, ',')
	var m Mount
	for _, token := range tokens {
		if kind, ok := strings.CutPrefix(token, "type="); ok {
			m.Type = kind
		}
	}
	if !slices.Contains(mountTypes, m.kind()) && !strings.Contains(m.Type, "$") {
		return Mount{}, fmt.Errorf("unknown type %q", m.Type)
	}
	for _, token := range tokens {
		key, value, hasValue := strings.Cut(token, "=")
		option := findOption(m.kind(), key)
		switch {
		case key == "type":
		case token == "":
			return Mount{}, errors.New("an empty option")
		case option == nil:
			m.Options = append(m.Options, token)
		case option.text != nil && value != "":
			*option.text(&m) = value
		case option.text != nil:
			return Mount{}, fmt.Errorf("%s needs a value", key)
		default:
			on, err := true, error(nil)
			if key == "required" && hasValue {
				on, err = strconv.ParseBool(value)
			} else if hasValue {
				err = fmt.Errorf("%s takes no value", key)
			}
			if err != nil {
				return Mount{}, err
			}
			*option.bool(&m) = on
		}
	}
	return m, nil
}

func findOption(kind, key string) *mountOption {
	for i, o := range mountOptions {
		if slices.Contains(o.names(kind), key) {
			return &mountOptions[i]
		}
	}
	return nil
}

// splitOutside splits a plain word at sep, but not within ${…}.
func splitOutside(s string, sep byte) []string {
	var list []string
	start := 0
	for i := 0; i < len(s); {
		n := 1
		switch {
		case strings.HasPrefix(s[i:], `\$`), strings.HasPrefix(s[i:], `\\`):
			n = 2
		case s[i] == '$':
			if length, err := substitution(s[i:]); err == nil {
				n = length
			}
		case s[i] == sep:
			list = append(list, s[start:i])
			start = i + 1
		}
		i += n
	}
	return append(list, s[start:])
}

// tokens spells m as plain words. The builder splits at commas and knows no quotes there, so none may hold one.
func (m Mount) tokens(fail func(field string, err error)) []string {
	var list []string
	if m.Type != "" {
		list = append(list, "type="+m.Type)
	}
	if !slices.Contains(mountTypes, m.kind()) {
		fail("type", fmt.Errorf("%q is none of %s", m.Type, strings.Join(mountTypes, ", ")))
		return nil
	}
	for _, o := range mountOptions {
		value := ""
		if o.text != nil {
			value = *o.text(&m)
		}
		if value == "" && (o.bool == nil || !*o.bool(&m)) {
			continue
		}
		names := o.names(m.kind())
		switch {
		case names == nil:
			fail(o.field, fmt.Errorf("the builder has no such option for a %s mount", m.kind()))
		case len(splitOutside(value, ',')) > 1:
			fail(o.field, errComma)
		case value != "":
			list = append(list, names[0]+"="+value)
		case o.field == "required": // for ssh the builder wants a value
			list = append(list, "required=true")
		default:
			list = append(list, names[0])
		}
	}
	for i, option := range m.Options {
		field := "options[" + strconv.Itoa(i) + "]"
		key, _, _ := strings.Cut(option, "=")
		if key == "" || key == "type" || findOption(m.kind(), key) != nil {
			fail(field, fmt.Errorf("%q must have a key for which Mount has no field", option))
		} else if len(splitOutside(option, ',')) > 1 {
			fail(field, errComma)
		}
		list = append(list, option)
	}
	return list
}

var errComma = errors.New("the builder splits a mount at commas, quoted or not, so no value can hold one")
