package flightctl

import (
	"errors"

	"github.com/bootloom/bootloom/bootc"
)

// ComposeApps has the device run applications of type compose: podman-compose, which on CentOS Stream and RHEL is in
// EPEL. EPEL stays in the image as a repository; on EL 10 the one it builds upon (CRB) is enabled for the build.
type ComposeApps struct {
	// NoEPEL leaves EPEL alone: a repository of the base or the Spec has podman-compose.
	NoEPEL bool `json:",omitzero"`
}

// Contribute asks for package and repositories.
func (c ComposeApps) Contribute(d *bootc.Draft) error {
	var errs []error
	if !c.NoEPEL {
		errs = append(errs, epel(d))
	}
	return errors.Join(append(errs,
		d.Use("", bootc.Packages{Install: []string{"podman-compose"}}),
		d.Use("", bootc.Unit{Name: "podman.service", Enable: true}))...)
}

// HelmApps has the device run applications of type helm: the programs that the agent looks for, from whatever
// repositories of the base or the Spec have them, such as those of MicroShift. The cluster itself is another matter.
type HelmApps struct{}

// Contribute asks for the programs by their paths, as packages have other names from place to place.
func (HelmApps) Contribute(d *bootc.Draft) error {
	return d.Use("", bootc.Packages{Install: []string{"/usr/bin/helm", "/usr/bin/kubectl", "/usr/bin/crictl"}})
}

// Onboarding is the assistant of Red Hat Edge Manager 1.3, by which someone at the device brings it into the network and
// to its service. Its packages are in the repository of the product.
type Onboarding struct{}

// Contribute asks for what the product's guide installs.
func (Onboarding) Contribute(d *bootc.Draft) error {
	return errors.Join(
		d.Use("", bootc.Packages{Install: []string{"firewalld", "flightctl-cli", "flightctl-onboarding", "dnsmasq", "hostapd", "policycoreutils"}}),
		d.Use("", bootc.Unit{Name: "flightctl-onboarding-setup.service", Enable: true}))
}
