package flightctl

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// part is what one feature knows about the agent of the image, for what several features decide together: which keys
// the version of the agent knows, and the one list of system-info-custom.
type part struct {
	agent      *Version
	config     *Config // of an image that has its config.yaml
	dropIn     *Settings
	certDropIn *CertDropIn
	customInfo *CustomInfo
}

type parts []bootc.Gathered[part]

func settle(d *bootc.Draft, all []bootc.Gathered[part]) error {
	p := parts(all)
	agent := p.agent()
	var errs []error
	for _, g := range p {
		if s := g.Value.dropIn; s != nil {
			errs = append(errs, at(g.Path+".Settings", s.Validate(agent)))
		}
		if c := g.Value.certDropIn; c != nil && c.renews() && !agent.AtLeast(1, 1) {
			errs = append(errs, bootc.Errorf(g.Path, "when to renew: %w before version 1.1", ErrIgnored))
		}
	}
	return errors.Join(append(errs, p.settleCustomInfo(d))...)
}

// agent is the version that is installed, if a feature knows it.
func (p parts) agent() Version {
	for _, g := range p {
		if v := g.Value.agent; v != nil && *v != "" {
			return *v
		}
	}
	return ""
}

// settleCustomInfo writes the list of keys. The agent takes the list of the last file that has one, so it must be whole.
func (p parts) settleCustomInfo(d *bootc.Draft) error {
	var infos []bootc.Gathered[part]
	var keys []string
	var errs []error
	for _, g := range p {
		c := g.Value.customInfo
		if c == nil {
			continue
		}
		if i := slices.IndexFunc(infos, func(o bootc.Gathered[part]) bool { return strings.EqualFold(o.Value.customInfo.Key, c.Key) }); i >= 0 {
			if *infos[i].Value.customInfo != *c {
				errs = append(errs, bootc.Errorf(g.Path+".Key", "%s has the key already, which the agent reads without regard to upper and lower case", infos[i].Path))
			}
			continue
		}
		infos = append(infos, g)
		keys = append(keys, c.Key)
	}
	if len(infos) == 0 {
		return nil
	}
	slices.Sort(keys)
	for _, g := range p {
		const field, why = "system-info-custom", "this list and the one of CustomInfo (%s) do not add up, as the agent takes the last one: " +
			"leave it out, and give each key a CustomInfo, without Script if something else brings the script"
		if s := g.Value.dropIn; s != nil && s.SystemInfoCustom != nil {
			errs = append(errs, bootc.Errorf(g.Path+".Settings."+field, why, strings.Join(keys, ", ")))
		}
		if c := g.Value.config; c != nil && slices.ContainsFunc(c.SystemInfoCustom, func(k string) bool { return !slices.Contains(keys, k) }) {
			errs = append(errs, bootc.Errorf(joinPath(g.Path, field), why, strings.Join(keys, ", ")))
		}
	}
	data, err := encode(Settings{SystemInfoCustom: keys}, true)
	return errors.Join(append(errs, err, putConfD(d, customInfoName, data))...)
}

func joinPath(a, b string) string { return strings.Trim(a+"."+b, ".") }

func extension(name string) string { return strings.ToLower(path.Ext(name)) }
