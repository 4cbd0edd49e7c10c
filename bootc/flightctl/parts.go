package flightctl

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// part is what one feature knows of the agent in the image, for what only several together can tell: which keys the
// agent's version ignores, and whether a list in its configuration is lost to another.
type part struct {
	agent      Version
	config     *Config // of an image that has its config.yaml
	dropIn     *Settings
	field      string // of the feature, that has the drop-in
	certDropIn *CertDropIn
	customInfo string // its key
	embedded   *EmbeddedApp
}

func checkParts(_ *bootc.Draft, parts []bootc.Gathered[part]) error {
	var agent Version
	var custom []string
	for _, p := range parts {
		if v := p.Value.agent; v.Validate() == nil && agent == "" {
			agent = v
		}
		if key := p.Value.customInfo; key != "" {
			custom = append(custom, key)
		}
	}
	var errs []error
	for _, p := range parts {
		if s := p.Value.dropIn; s != nil {
			errs = append(errs, at(p.Path, at(p.Value.field, s.Validate(agent))))
		}
		if c := p.Value.certDropIn; c != nil && c.renews() && !agent.AtLeast(1, 1) {
			errs = append(errs, bootc.Errorf(p.Path, "when to renew: %w before version 1.1", ErrIgnored))
		}
		if e := p.Value.embedded; e != nil {
			errs = append(errs, at(p.Path, e.checkAgent(agent)))
		}
		errs = append(errs, p.Value.checkCustom(p.Path, custom))
	}
	return errors.Join(errs...)
}

// checkCustom finds a list of keys beside the one that is made of CustomInfos: the agent takes the last one, which is not
// that of config.yaml.
func (p part) checkCustom(path string, custom []string) error {
	lost := func(key string) bool { return !slices.Contains(custom, key) }
	switch {
	case len(custom) == 0:
	case p.dropIn != nil && p.dropIn.SystemInfoCustom != nil, p.config != nil && slices.ContainsFunc(p.config.SystemInfoCustom, lost):
		return at(path, at(p.field, bootc.Errorf("system-info-custom", "this list and the one of CustomInfo (%s) do not add up, as the agent takes the last one: "+
			"leave it out, and give each key a CustomInfo, without Script if something else brings the script", strings.Join(custom, ", "))))
	}
	return nil
}

func extension(name string) string { return strings.ToLower(path.Ext(name)) }
