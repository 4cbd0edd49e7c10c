package flightctl

import (
	"errors"
	"reflect"
	"slices"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// ConfigDropIn is a file of /etc/flightctl/conf.d, which changes the configuration of an image that gets its config.yaml
// elsewhere, as a secret or at provisioning. Its Settings are the keys that the agent takes from there; it ignores all
// others. Where files have the same key, the last in the order of names counts, but labels add up; one that is false or
// 0 changes nothing, unless it is a Switch or the jitter.
type ConfigDropIn struct {
	// Name of the file without ".yaml": letters, digits, "-", "_" and ".". Files apply in the order of their names.
	Name string
	// Settings of the file. In JSON they have the agent's keys: {"log-level": "debug"}.
	Settings Settings
}

// Contribute adds the file.
func (c ConfigDropIn) Contribute(d *bootc.Draft) error {
	data, err := encode(c.Settings, true)
	errs := []error{err, checkFileName("Name", c.Name)}
	if err == nil && len(data) == 0 {
		errs = append(errs, bootc.Errorf("Settings", "has nothing that would change anything"))
	}
	if c.Name == customInfoName {
		errs = append(errs, bootc.Errorf("Name", "%s.yaml is the file of CustomInfo", c.Name))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	bootc.Gather(d, part{dropIn: &c.Settings, field: "Settings"}, checkParts)
	return putConfD(d, c.Name, data)
}

// putConfD puts a file where the agent reads it, which is nowhere in /usr.
func putConfD(d *bootc.Draft, name string, data []byte) error {
	return d.Use("", bootc.File{Path: "/etc/flightctl/conf.d/" + name + ".yaml", Content: bootc.Bytes(data)})
}

// ParseSettings reads a file of conf.d as strictly as ParseConfig does a config.yaml: a key that the agent takes from
// config.yaml only is an error, and so is a value that would change nothing.
func ParseSettings(data []byte) (Settings, error) {
	var s Settings
	if _, err := decode(data, &s); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// MarshalJSON writes the agent's keys.
func (s Settings) MarshalJSON() ([]byte, error) { return asJSON(s) }

// UnmarshalJSON reads what ParseSettings does.
func (s *Settings) UnmarshalJSON(data []byte) error {
	parsed, err := ParseSettings(data)
	if err != nil {
		return withoutLines(err)
	}
	*s = parsed
	return nil
}

// YAML writes a file of conf.d. It does not validate; the zero Settings give no bytes.
func (s Settings) YAML() ([]byte, error) { return encode(s, true) }

// Validate is Config.Validate for what a file of conf.d has. agent is the version that is to read it; with the zero value a
// key of any version will do.
func (s Settings) Validate(agent Version) error {
	v := validator{Check: Check{Agent: agent}}
	v.version()
	v.gates("", reflect.ValueOf(s))
	v.settings(s)
	return errors.Join(v.errs...)
}

var dropInName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// checkFileName wants a name to which ".yaml" is added.
func checkFileName(at, name string) error {
	if !dropInName.MatchString(name) || len(name) > 200 || slices.Contains([]string{".yaml", ".yml"}, extension(name)) {
		return bootc.Errorf(at, "%s is not the name of a file without .yaml: letters, digits and . _ -", shown(name))
	}
	return nil
}
