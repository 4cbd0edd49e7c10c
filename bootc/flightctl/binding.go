package flightctl

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// Binding says how a device comes to the configuration with which its agent finds its service. Early, EndpointOnly and
// Late make the three kinds; a literal and JSON are as good. The zero value is no binding, which Agent refuses: a device
// without any way to its service stays dark.
type Binding struct {
	// Early: the whole configuration is in the image. Devices enrol without further ado, and all share one certificate.
	Early *EarlyBinding `json:",omitzero"`
	// EndpointOnly: the configuration is in the image, but no certificate and key: the device gets these at provisioning,
	// at EnrollmentCertPath and EnrollmentKeyPath, from NewCredentials. A private key here is an error, and so is a CA
	// certificate that had expired when the base image was made: Compile has no other clock.
	EndpointOnly *Config `json:",omitzero"`
	// Late are the tools by which the device gets at provisioning what the image lacks: all of it, or the certificate for
	// EndpointOnly. Their packages and links become part of the image.
	Late []Provisioner `json:",omitzero"`
}

// EarlyBinding is a configuration that the image gets as it is built.
type EarlyBinding struct {
	// Secret is the id of the build secret that is the config.yaml; the zero value is "flightctl-config". Its value stands
	// in BuildOptions.Secrets: what the function Secret makes, or bootc.SecretFile of what "flightctl certificate request
	// --signer=enrollment --output=embedded" wrote. Engines have it checked before they build.
	Secret string `json:",omitzero"`
	// ValidFor is how long after the build its certificates must be valid, as devices have to enrol with them; the zero
	// value is no longer than the build itself.
	ValidFor time.Duration `json:",omitzero"`
}

// Provisioner is a way for a file to come to one device.
type Provisioner string

// The provisioners.
const (
	// CloudInit is cloud-init, started by a static link as upstream's guide has it: left to itself, it starts only where
	// it recognises a platform. Payload: CloudConfig, KubeVirtSecret, GuestInfo.
	CloudInit Provisioner = "cloud-init"
	// Ignition runs in the initramfs, which is made anew with its dracut module, when a machine starts with the kernel
	// arguments ignition.firstboot and ignition.platform.id. Payload: Ignition.
	Ignition Provisioner = "ignition"
	// Afterburn brings SSH keys and facts of a cloud, but no files: it is an addition to another provisioner.
	Afterburn Provisioner = "afterburn"
	// Installer stands for a kickstart file, or whatever else writes to the disk before the device starts from it: the
	// image needs nothing for it. Payload: Kickstart.
	Installer Provisioner = "installer"
)

var provisioners = []Provisioner{CloudInit, Ignition, Afterburn, Installer}

// Early binds the image to a service as it is built, with the config.yaml that is the value of the build secret
// "flightctl-config".
func Early() Binding { return Binding{Early: &EarlyBinding{}} }

// EndpointOnly tells the image its service, and has devices get their certificate at provisioning, by these tools. The payload of
// a device is what NewCredentials makes.
func EndpointOnly(c Config, by ...Provisioner) Binding { return Binding{EndpointOnly: &c, Late: by} }

// Late has devices get all of their configuration at provisioning, by these tools. The payload of a device is what NewPayload
// makes.
func Late(by ...Provisioner) Binding { return Binding{Late: by} }

// DefaultSecret is the id of the build secret of Early.
const DefaultSecret = "flightctl-config"

// Secret makes the value of an Early binding's build secret, for BuildOptions.Secrets. The configuration must be whole
// and right: the error is that of Config.Validate, about mistakes that would otherwise be found on each device.
func Secret(c Config, check Check) (bootc.SecretValue, error) {
	if err := c.Validate(check); err != nil {
		return bootc.SecretValue{}, err
	}
	data, err := c.YAML()
	if err != nil {
		return bootc.SecretValue{}, err
	}
	return bootc.SecretBytes(data), nil
}

// feature is what it contributes for an agent of the version.
func (b Binding) feature(agent Version) bootc.Feature {
	return contribution(func(d *bootc.Draft) error { return b.contribute(d, agent) })
}

func (b Binding) contribute(d *bootc.Draft, agent Version) error {
	var errs []error
	switch {
	case b.Early == nil && b.EndpointOnly == nil && len(b.Late) == 0:
		return bootc.Errorf("", "says nothing: with no way to its service the device stays dark; use Early, EndpointOnly or Late")
	case b.Early != nil && (b.EndpointOnly != nil || len(b.Late) > 0):
		return bootc.Errorf("Early", "leaves nothing to provision: it goes with neither EndpointOnly nor Late")
	case b.Early != nil:
		return d.Use("Early", contribution(func(d *bootc.Draft) error { return b.Early.contribute(d, agent) }))
	case b.EndpointOnly != nil:
		errs = append(errs, d.Use("EndpointOnly", contribution(func(d *bootc.Draft) error { return endpoint(d, *b.EndpointOnly, agent) })))
	}
	if !slices.ContainsFunc(b.Late, func(p Provisioner) bool { return p != Afterburn }) {
		errs = append(errs, bootc.Errorf("Late", "has nothing that brings a device its files: %s, %s or %s", CloudInit, Ignition, Installer))
	}
	for i, p := range b.Late {
		errs = append(errs, d.Use(fmt.Sprintf("Late[%d]", i), contribution(p.contribute)))
	}
	return errors.Join(errs...)
}

// contribute has the step of FileFromSecret put the file into the image: a mount that is in no layer but the one of the
// file. It must be in /etc, where alone the agent looks for it.
func (e EarlyBinding) contribute(d *bootc.Draft, agent Version) error {
	id := cmp.Or(e.Secret, DefaultSecret)
	if e.ValidFor < 0 {
		return bootc.Errorf("ValidFor", "%s is negative", e.ValidFor)
	}
	if err := d.Use("", bootc.FileFromSecret{Path: ConfigPath, Secret: id, Mode: 0o600}); err != nil {
		return err
	}
	d.Secret(id, func(value []byte) error {
		// The one place that looks at a clock: an engine calls it, at the build.
		_, err := CheckConfig(value, Check{Agent: agent, Now: time.Now(), ValidFor: e.ValidFor})
		var errs []error
		for _, err := range bootc.FieldErrors(err) { // their paths are those of keys, not of fields
			errs = append(errs, fmt.Errorf("is no config.yaml for the agent: %w", err))
		}
		return errors.Join(errs...)
	})
	return nil
}

// endpoint puts a configuration without credentials into the image.
func endpoint(d *bootc.Draft, c Config, agent Version) error {
	auth := &c.EnrollmentService.Authentication
	if auth.ClientCertificateData != "" || !auth.ClientKeyData.IsZero() {
		return bootc.Errorf("enrollment-service.authentication", "has a certificate or key, which everyone who has the image could use: leave them out for provisioning, or bind by Early")
	}
	auth.ClientCertificate = cmp.Or(auth.ClientCertificate, EnrollmentCertPath)
	auth.ClientKey = cmp.Or(auth.ClientKey, EnrollmentKeyPath)
	if err := c.Validate(Check{Agent: agent, Now: d.Base().Created, NoCredentials: true}); err != nil {
		return err
	}
	data, err := c.YAML()
	if err != nil {
		return err
	}
	bootc.Gather(d, part{config: &c}, checkParts)
	return d.Use("", bootc.File{Path: ConfigPath, Content: bootc.Bytes(data), Mode: 0o600})
}

func (p Provisioner) contribute(d *bootc.Draft) error {
	switch p {
	case Installer:
		return nil
	case CloudInit:
		// A static link in /usr: no preset of a first boot can undo it.
		return errors.Join(d.Use("", bootc.Packages{Install: []string{"cloud-init"}}),
			d.Use("", bootc.Symlink{Path: "/usr/lib/systemd/system/default.target.wants/cloud-init.target", Target: "../cloud-init.target"}))
	case Ignition:
		d.Warnf("", "Ignition runs when a machine starts with the kernel arguments ignition.firstboot and ignition.platform.id=…, which the disk image or its installation must bring")
		return errors.Join(d.Use("", bootc.Packages{Install: []string{"ignition"}}), d.Use("", bootc.Initramfs{Add: []string{"ignition"}}))
	case Afterburn:
		return d.Use("", bootc.Packages{Install: []string{"afterburn"}})
	}
	return bootc.Errorf("", "%q is none of %q", p, provisioners)
}
