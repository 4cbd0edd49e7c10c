package bootc

import (
	"slices"
	"strings"
)

// Platform prepares the image for the machines that it runs on: guest tools, cloud-init where the platform has a way
// to give a machine its own configuration, the console that the platform shows, and the kind of disk image that it
// takes. An image may be for several platforms: add one Platform for each.
type Platform struct {
	// Name of the platform: BareMetal, KubeVirt, VSphere or Cloud.
	Name PlatformName
	// NoCloudInit leaves cloud-init out. Then nothing in the image reads what the platform says about the one machine.
	NoCloudInit bool `json:",omitzero"`
	// Console are the values of console= kernel arguments, such as "ttyS1,115200n8": the kernel writes to all of them,
	// /dev/console is the last. The zero value is what the platform shows, on x86_64; on aarch64 the firmware says
	// which console it is. For BareMetal and VSphere it is none, so the kernel takes the screen.
	Console []string `json:",omitzero"`
}

// PlatformName names a platform.
type PlatformName string

// The platforms.
const (
	// BareMetal is a machine that an installer is started on, from a USB stick or the network.
	BareMetal PlatformName = "baremetal"
	// KubeVirt is a virtual machine of KubeVirt or OpenShift Virtualization, or of another QEMU: the image gets
	// qemu-guest-agent and cloud-init.
	KubeVirt PlatformName = "kubevirt"
	// VSphere is a virtual machine of VMware vSphere: the image gets open-vm-tools and cloud-init, which reads guestinfo.
	VSphere PlatformName = "vsphere"
	// Cloud is any cloud with a metadata service or a configuration drive: the image gets cloud-init.
	Cloud PlatformName = "cloud"
)

// LabelDiskFormats is the label of the image config that says which kinds of disk image the platforms of the image take,
// by the names that bootc-image-builder has for them and separated by commas; the first is the one to make if nobody asks
// for another. DiskFormats reads it.
const LabelDiskFormats = "io.github.bootloom.disk-formats"

// platform is what a platform asks for.
type platform struct {
	name      PlatformName
	format    string   // of the disk image
	cloudInit bool     // it has a way to give a machine its configuration
	console   []string // on x86_64
	tools     map[Family]software
}

var platforms = []platform{
	{name: BareMetal, format: "anaconda-iso"},
	{
		name: KubeVirt, format: "qcow2", cloudInit: true, console: []string{"tty0", "ttyS0,115200n8"},
		tools: map[Family]software{
			Fedora: {name: "qemu-guest-agent", file: "/usr/bin/qemu-ga", unit: "qemu-guest-agent.service"},
			Debian: {name: "qemu-guest-agent", file: "/usr/sbin/qemu-ga"}, // a udev rule starts it, and no [Install] does
		},
	},
	{
		name: VSphere, format: "vmdk", cloudInit: true,
		tools: map[Family]software{
			Fedora: {name: "open-vm-tools", file: "/usr/bin/vmtoolsd", unit: "vmtoolsd.service"},
			Debian: {name: "open-vm-tools", file: "/usr/bin/vmtoolsd", unit: "open-vm-tools.service"},
		},
	},
	{name: Cloud, format: "qcow2", cloudInit: true, console: []string{"tty0", "ttyS0,115200n8"}},
}

func (n PlatformName) find() (platform, bool) {
	i := slices.IndexFunc(platforms, func(p platform) bool { return p.name == n })
	if i < 0 {
		return platform{}, false
	}
	return platforms[i], true
}

// DiskFormat is the kind of disk image that the platform takes, by the name that bootc-image-builder has for it; empty
// for a platform that does not exist.
func (n PlatformName) DiskFormat() string {
	p, _ := n.find()
	return p.format
}

// DiskFormats are the kinds of disk image that the platforms of an image take, from the labels of its config.
func DiskFormats(labels map[string]string) []string {
	return slices.DeleteFunc(strings.Split(labels[LabelDiskFormats], ","), func(s string) bool { return s == "" })
}

// Contribute asks for the packages, and adds the links and kernel arguments.
func (p Platform) Contribute(d *Draft) error {
	at, ok := p.Name.find()
	if !ok {
		var names []string
		for _, p := range platforms {
			names = append(names, string(p.name))
		}
		return Errorf("Name", "%q is none of %s", p.Name, list(names))
	}
	var errs []error
	if p.NoCloudInit && !at.cloudInit {
		errs = append(errs, Errorf("NoCloudInit", "%s has no cloud-init to leave out", p.Name))
	}
	var needs []software
	if len(at.tools) > 0 {
		family, err := d.Family()
		if err != nil {
			return err
		}
		needs = append(needs, at.tools[family])
	}
	if at.cloudInit && !p.NoCloudInit {
		needs = append(needs, software{name: "cloud-init", file: "/usr/bin/cloud-init"})
		// What upstream's guides do: a static link in /usr, which no preset of a first boot can undo. Without it the target
		// is left to a generator, which has to recognise the platform.
		d.Put(PhaseUnits, link(unitDir+"default.target.wants/cloud-init.target", "../cloud-init.target"))
	}
	errs = append(errs, d.install(needs...), p.consoles(d, at))
	d.platforms = append(d.platforms, intend(d, at.format))
	return join(errs)
}

// consoles adds the kernel arguments, in a file whose name sorts before that of Kargs: its consoles come last, and win.
func (p Platform) consoles(d *Draft, at platform) error {
	kargs := Kargs{Name: "10-platform"}
	values := p.Console
	if len(values) == 0 {
		// Arm's firmware names the console in its SPCR table, and a console= argument would take that away.
		kargs = Kargs{Name: "10-platform-x86_64", Arch: []string{"x86_64"}}
		values = at.console
	}
	for i, c := range values {
		if !plainWord.MatchString(c) || strings.Contains(c, "=") {
			return Errorf(indexed("Console", i), "%q is not a console, such as ttyS0,115200n8", c)
		}
		kargs.Args = append(kargs.Args, "console="+c)
	}
	if len(kargs.Args) == 0 || slices.ContainsFunc(d.kargs, func(k drafted[Kargs]) bool {
		return k.value.Name == kargs.Name && slices.Equal(k.value.Args, kargs.Args)
	}) {
		return nil // another Platform of the same image has said so
	}
	return d.Use("", kargs)
}

// settlePlatforms says in a label what the disk step needs to know: that step has the published image, and no Spec.
func (d *Draft) settlePlatforms() []error {
	var formats, features []string
	for _, p := range d.platforms {
		formats = union(formats, []string{p.value})
		features = union(features, p.features)
	}
	if len(formats) > 0 {
		d.labels[LabelDiskFormats] = draftedString{strings.Join(formats, ","), features}
	}
	return nil
}
