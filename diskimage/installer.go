package diskimage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// Installer is what an installer ISO does. The kickstart has the installation of the OS image in any case.
type Installer struct {
	// Image has the installer itself, for InstallerISO: a bootc image with anaconda. AnacondaISO takes its installer from
	// the packages of the distribution, which needs the network and dnf in the OS image.
	Image Source `json:",omitzero"`
	// Unattended installs on the first disk without a question, and erases it.
	Unattended bool `json:",omitzero"`
	// SudoNopasswd are users, or groups as "%wheel", that sudo asks for no password.
	SudoNopasswd []string `json:",omitempty"`
	// Kickstart is added to the one that installs the image; it replaces Unattended, SudoNopasswd, Users and Groups.
	// Source: https://pykickstart.readthedocs.io.
	Kickstart string `json:",omitzero"`
	// KickstartSecret names a secret of BuildOptions.Secrets that is the kickstart. On the ISO everybody can read it.
	KickstartSecret string `json:",omitzero"`
	// EnableModules and DisableModules are modules of anaconda, such as org.fedoraproject.Anaconda.Modules.Localization.
	EnableModules  []string `json:",omitempty"`
	DisableModules []string `json:",omitempty"`
	// FIPS installs a system in FIPS mode.
	FIPS bool `json:",omitzero"`
}

func (i Installer) isZero() bool {
	return i.Image.isZero() && !i.Unattended && len(i.SudoNopasswd) == 0 && i.Kickstart == "" && i.KickstartSecret == "" &&
		len(i.EnableModules) == 0 && len(i.DisableModules) == 0 && !i.FIPS
}

const moduleUsers = "org.fedoraproject.Anaconda.Modules.Users"

func (s Spec) checkInstaller() []error {
	i := s.Installer
	var errs []error
	own := i.Kickstart != "" || i.KickstartSecret != ""
	if i.Kickstart != "" && i.KickstartSecret != "" {
		errs = append(errs, bootc.Errorf("Installer.KickstartSecret", "there is a Kickstart as well: set one of them"))
	}
	if own {
		for _, f := range []struct {
			field string
			set   bool
		}{
			{"Installer.Unattended", i.Unattended}, {"Installer.SudoNopasswd", len(i.SudoNopasswd) > 0},
			{"Users", len(s.Users) > 0}, {"Groups", len(s.Groups) > 0},
		} {
			if f.set {
				errs = append(errs, bootc.Errorf(f.field, "cannot be beside a kickstart of your own: say it there"))
			}
		}
	}
	for n, name := range i.SudoNopasswd {
		errs = append(errs, checkName(fmt.Sprintf("Installer.SudoNopasswd[%d]", n), strings.TrimPrefix(name, "%")))
	}
	for _, list := range []struct {
		field string
		names []string
	}{{"Installer.EnableModules", i.EnableModules}, {"Installer.DisableModules", i.DisableModules}} {
		for n, name := range list.names {
			if !strings.HasPrefix(name, "org.fedoraproject.Anaconda.") {
				errs = append(errs, bootc.Errorf(fmt.Sprintf("%s[%d]", list.field, n), "%q is not a module of anaconda: want org.fedoraproject.Anaconda.Modules.NAME", name))
			}
		}
	}
	for n, name := range i.DisableModules {
		at := fmt.Sprintf("Installer.DisableModules[%d]", n)
		if slices.Contains(i.EnableModules, name) {
			errs = append(errs, bootc.Errorf(at, "%s is enabled as well", name))
		}
		if name == moduleUsers && len(s.Users)+len(s.Groups) > 0 {
			errs = append(errs, bootc.Errorf(at, "Users and Groups need this module"))
		}
	}
	switch {
	case s.Format == InstallerISO && i.Image.isZero():
		errs = append(errs, bootc.Errorf("Installer.Image", "is empty: %s needs a bootc image that has the installer", s.Format))
	case s.Format != InstallerISO && !i.Image.isZero():
		errs = append(errs, bootc.Errorf("Installer.Image", "is for %s only", InstallerISO))
	case !i.Image.isZero():
		errs = append(errs, i.Image.check("Installer.Image"))
	}
	return errs
}
