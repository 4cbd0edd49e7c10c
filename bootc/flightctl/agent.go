package flightctl

import (
	"errors"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Agent installs the agent of Flight Control (Red Hat Edge Manager), binds it to its service, and sets up what it needs
// to manage the device: the unit, the rollback by greenboot, the account for rootless applications.
//
// The defaults are those of an image: what upstream's packages do in their scripts on a machine that is updated by
// packages is in files of the image here, so that a device has it as well which gets the agent with an update of its
// image. bootc's own timer for updates is masked, as two masters would update the device.
type Agent struct {
	// Source is where the packages come from; the zero value is upstream's repository.
	Source Source `json:",omitzero"`
	// Version pins the agent and the packages that go with it: "1.2.0", or with its release "1.2.0-1.el9". The zero
	// value installs the newest that the source has, which is taken to be 1.3 or newer: say what it is if it is older.
	Version Version `json:",omitzero"`
	// Binding is how a device finds its service: Early, EndpointOnly or Late.
	Binding Binding
	// Greenboot is the health check that has a device return to the image before, if the agent does not run in a new one.
	Greenboot Greenboot `json:",omitzero"`
}

const (
	agentUnit       = "flightctl-agent.service"
	bootcUpdateUnit = "bootc-fetch-apply-updates.timer"
)

// exact is a version that a package can have.
var exact = lazyregexp.New(`^v?[0-9]+\.[0-9]+\.[0-9]+`)

// Contribute asks for packages, units and the account, and checks what the packages' scripts have done.
func (a Agent) Contribute(d *bootc.Draft) error {
	tool, err := d.Tool()
	if err != nil {
		return err
	}
	if tool == bootc.APT {
		return bootc.Errorf("", "there are no packages of the agent for %s: the base needs dnf", tool)
	}
	var errs []error
	version, err := a.Source.version(a.Version)
	errs = append(errs, err)
	if err := version.Validate(); err != nil {
		errs = append(errs, at("Version", err))
	} else if len(a.Source.Files) == 0 && version != "" && !exact.MatchString(string(version)) {
		errs = append(errs, bootc.Errorf("Version", "%q is not the whole version of a package, such as 1.2.0", version))
	}
	bootc.Gather(d, part{agent: version}, checkParts)
	errs = append(errs,
		d.Use("Source", contribution(a.Source.repo)),
		a.install(d, version),
		d.Use("Binding", a.Binding.feature(version)),
		d.Use("Greenboot", a.Greenboot.feature(version)))
	if hasUser(version) {
		errs = append(errs, contributeUser(d))
	}
	errs = append(errs,
		d.Use("", bootc.Unit{Name: agentUnit, Enable: true}),
		d.Use("", bootc.Unit{Name: bootcUpdateUnit, Mask: true}),
		d.Use("", bootc.Script{Name: "what the agent's packages leave to be done, or may have failed to do", Phase: "packages", Body: a.script(version)}))
	return errors.Join(errs...)
}

// install asks for the packages, all of one version if one is pinned.
func (a Agent) install(d *bootc.Draft, version Version) error {
	names := []string{"flightctl-agent"}
	if version.AtLeast(1, 3) && !a.Greenboot.Off {
		names = append(names, "flightctl-greenboot") // the agent merely recommends it
	}
	packages := bootc.Packages{NoWeakDeps: version.AtLeast(1, 3) && a.Greenboot.Off}
	if len(a.Source.Files) > 0 {
		packages.Files = a.Source.Files
		if err := a.Source.missing(append(names, "flightctl-selinux")); err != nil {
			return err
		}
	} else if version != "" {
		for _, name := range append(names, "flightctl-selinux") {
			packages.Install = append(packages.Install, name+"-"+version.rpm())
		}
	} else {
		packages.Install = names
	}
	if !version.AtLeast(1, 3) && !a.Greenboot.Off {
		packages.Install = append(packages.Install, "greenboot") // not every release before 1.2 requires it
	}
	if hasUser(version) {
		packages.Install = append(packages.Install, "/usr/bin/newuidmap") // of shadow-utils-subid, or of shadow-utils where that has it
	}
	return d.Use("Source", packages)
}

// script does what can be done only when the packages are there.
func (a Agent) script(version Version) string {
	var b strings.Builder
	b.WriteString(a.Greenboot.script())
	if hasUser(version) {
		b.WriteString(subordinateIDs)
	}
	b.WriteString(checkSELinux)
	return b.String()
}

// checkSELinux: the package loads its policy module in %post, whose failure does not stop rpm.
const checkSELinux = `if command -v semodule >/dev/null && ! semodule -s targeted -l | grep -qw flightctl_agent; then
  echo "flightctl-selinux is installed, but its policy module flightctl_agent is not: semodule failed in %post, see the output of the package step" >&2
  exit 1
fi
`

// rpm is the version as packages have it: of the tag v1.3.0-rc4 that is 1.3.0~rc4.
func (v Version) rpm() string {
	return preRelease.ReplaceAllString(strings.TrimPrefix(string(v), "v"), "~$1")
}

var preRelease = lazyregexp.New(`-((?:rc|alpha|beta)[0-9.]*)`)
