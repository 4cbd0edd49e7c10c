package flightctl

import (
	"errors"
	"fmt"

	"github.com/bootloom/bootloom/bootc"
)

// Greenboot is about greenboot, which starts the image before again if the agent's health check fails in a new one. The
// check disables those of others at each boot: only the agent decides. The zero value has it.
type Greenboot struct {
	// Off leaves greenboot out: a device with an image in which the agent does not run stays with it. It leaves out
	// what packages merely recommend in the whole package transaction, as Packages.NoWeakDeps does. Agents 1.1 and 1.2
	// require greenboot.
	Off bool `json:",omitzero"`
	// MaxBootAttempts is how often a new image is started before the old one is taken; the zero value is greenboot's own,
	// 3. A device reads it from the image that it is to leave, so it counts from the next update on.
	MaxBootAttempts int `json:",omitzero"`
}

// feature is what it contributes for an agent of the version.
func (g Greenboot) feature(version Version) bootc.Feature {
	return contribution(func(d *bootc.Draft) error { return g.contribute(d, version) })
}

// contribute has the units start on a first boot too, when presets of the distribution might turn them off again.
func (g Greenboot) contribute(d *bootc.Draft, version Version) error {
	var errs []error
	if g.Off && version.AtLeast(1, 1) && !version.AtLeast(1, 3) {
		errs = append(errs, bootc.Errorf("Off", "agent %s requires greenboot: 1.3 is the first that does not", version))
	}
	if g.Off && g.MaxBootAttempts != 0 {
		errs = append(errs, bootc.Errorf("MaxBootAttempts", "has no meaning without greenboot"))
	} else if g.MaxBootAttempts < 0 || g.MaxBootAttempts > 100 {
		errs = append(errs, bootc.Errorf("MaxBootAttempts", "%d is not 1 to 100", g.MaxBootAttempts))
	}
	if err := errors.Join(errs...); err != nil || g.Off {
		return err
	}
	errs = append(errs, d.Use("", bootc.Unit{Name: "greenboot-healthcheck.service", Enable: true}))
	if version.AtLeast(1, 1) {
		errs = append(errs, d.Use("", bootc.Unit{Name: "flightctl-configure-greenboot.service", Enable: true}))
	}
	return errors.Join(errs...)
}

// script edits greenboot's one configuration file: it reads no others, and the agent edits it on the device too.
func (g Greenboot) script() string {
	if g.MaxBootAttempts == 0 {
		return ""
	}
	return fmt.Sprintf(`conf=/etc/greenboot/greenboot.conf
mkdir -p "${conf%%/*}"
touch "$conf"
sed -i '/^ *GREENBOOT_MAX_BOOT_ATTEMPTS=/d' "$conf"
echo GREENBOOT_MAX_BOOT_ATTEMPTS=%d >>"$conf"
`, g.MaxBootAttempts)
}
