package bootc

import (
	"slices"
	"strings"
)

// InstallConfig are the defaults of "bootc install" for this image, as a file in /usr/lib/bootc/install; disk image
// builders read it too. Source: bootc-install-config(5) and the types it is parsed with, which refuse unknown keys
// (https://github.com/bootc-dev/bootc/blob/main/crates/lib/src/install/config.rs). The zero value of each field but
// Name leaves its key out, so that the base's files and bootc's own defaults count.
type InstallConfig struct {
	// Name of the file without ".toml". bootc merges the files in the order of their names: the last one wins, and
	// Kargs and KargDeletes add up. The zero value is "50-bootloom".
	Name string `json:",omitzero"`
	// RootFS is the file system of the root: "xfs", "ext4" or "btrfs".
	RootFS string `json:",omitzero"`
	// Kargs are kernel arguments of the installation, which later images do not change; those that shall follow the
	// image are the feature Kargs. KargDeletes takes arguments of other install files away.
	Kargs       []string `json:",omitzero"`
	KargDeletes []string `json:",omitzero"`
	// Arch lists the architectures for which the file counts, as in Kargs.Arch.
	Arch []string `json:",omitzero"`
	// Block are the block setups that "bootc install to-disk" may use, the first being the default: "direct",
	// "tpm2-luks".
	Block []string `json:",omitzero"`
	// Stateroot is the name of the ostree stateroot; bootc's default is "default".
	Stateroot string `json:",omitzero"`
	// RootMountSpec and BootMountSpec are what root= and the mount of /boot get, such as LABEL=root; a pointer to the
	// empty string means none.
	RootMountSpec *string `json:",omitzero"`
	BootMountSpec *string `json:",omitzero"`
	// Bootloader is "grub", "grub-cc", "systemd" or "none".
	Bootloader string `json:",omitzero"`
	// SkipBootUUID keeps bootupd from writing the UUID of /boot into the bootloader's config.
	SkipBootUUID *bool `json:",omitzero"`
	// BLSAppendExceptDefault are kernel arguments for all boot entries but the default one ([install.ostree]).
	BLSAppendExceptDefault string `json:",omitzero"`
	// DiscoverablePartitions sets partition types so that systemd finds the root by itself.
	DiscoverablePartitions *bool `json:",omitzero"`
	// EnforceContainerSigpolicy makes installation and updates refuse a policy.json whose default accepts anything.
	EnforceContainerSigpolicy *bool `json:",omitzero"`
}

// installFile is the format of the file.
type installFile struct {
	Install installTable `toml:"install"`
}

type installTable struct {
	RootFSType             string            `toml:"root-fs-type,omitempty"` // the older name of filesystem.root.type
	Kargs                  []string          `toml:"kargs,omitempty"`
	KargDeletes            []string          `toml:"karg-deletes,omitempty"`
	Arch                   []string          `toml:"match-architectures,omitempty"`
	Block                  []string          `toml:"block,omitempty"`
	Stateroot              string            `toml:"stateroot,omitempty"`
	RootMountSpec          *string           `toml:"root-mount-spec,omitempty"`
	BootMountSpec          *string           `toml:"boot-mount-spec,omitempty"`
	Bootloader             string            `toml:"bootloader,omitempty"`
	DiscoverablePartitions *bool             `toml:"discoverable-partitions,omitempty"`
	EnforceSigpolicy       *bool             `toml:"enforce-container-sigpolicy,omitempty"`
	Filesystem             *installRoot      `toml:"filesystem,omitempty"`
	Ostree                 map[string]string `toml:"ostree,omitempty"`
	Bootupd                *installBootupd   `toml:"bootupd,omitempty"`
}

type installRoot struct {
	Root struct {
		Type string `toml:"type,omitempty"`
	} `toml:"root"`
}

type installBootupd struct {
	SkipBootUUID bool `toml:"skip-boot-uuid"`
}

// Contribute writes the file.
func (c InstallConfig) Contribute(d *Draft) error {
	if c.Name == "" {
		c.Name = "50-bootloom"
	}
	t := c.table()
	errs := []error{checkTOMLName(c.Name), oneOf("RootFS", []string{c.RootFS}, rootFS), checkArgs("Kargs", c.Kargs),
		checkArgs("KargDeletes", c.KargDeletes), checkArch("Arch", c.Arch), oneOf("Bootloader", []string{c.Bootloader}, bootloaders)}
	for i, b := range c.Block {
		errs = append(errs, oneOf(indexed("Block", i), []string{b}, blockSetups))
	}
	text := tomlText(installFile{t})
	if text == tomlText(installFile{}) {
		errs = append(errs, Errorf("", "sets nothing"))
	}
	if err := join(errs); err != nil {
		return err
	}
	d.Put(PhaseFiles, regular("/usr/lib/bootc/install/"+c.Name+".toml", text))
	return nil
}

func (c InstallConfig) table() installTable {
	t := installTable{Kargs: c.Kargs, KargDeletes: c.KargDeletes, Arch: c.Arch, Block: c.Block, Stateroot: c.Stateroot,
		RootMountSpec: c.RootMountSpec, BootMountSpec: c.BootMountSpec, Bootloader: c.Bootloader,
		DiscoverablePartitions: c.DiscoverablePartitions, EnforceSigpolicy: c.EnforceContainerSigpolicy}
	if c.RootFS != "" {
		t.Filesystem = &installRoot{}
		t.Filesystem.Root.Type = c.RootFS
	}
	if c.BLSAppendExceptDefault != "" {
		t.Ostree = map[string]string{"bls-append-except-default": c.BLSAppendExceptDefault}
	}
	if c.SkipBootUUID != nil {
		t.Bootupd = &installBootupd{*c.SkipBootUUID}
	}
	return t
}

var (
	rootFS      = []string{"xfs", "ext4", "btrfs"}
	bootloaders = []string{"grub", "grub-cc", "systemd", "none"}
	blockSetups = []string{"direct", "tpm2-luks"}
)

func oneOf(field string, values, allowed []string) error {
	for _, v := range values {
		if v != "" && !slices.Contains(allowed, v) {
			return Errorf(field, "%q is not one of %s", v, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// checkInstall is the check of a drop-in that somebody wrote by hand.
func checkInstall(text string) error {
	var f installFile
	if err := decodeTOML(text, &f); err != nil {
		return err
	}
	t := f.Install
	if t.Filesystem != nil {
		t.RootFSType = t.Filesystem.Root.Type
	}
	return join([]error{oneOf("root-fs-type", []string{t.RootFSType}, rootFS), oneOf("bootloader", []string{t.Bootloader}, bootloaders),
		oneOf("block", t.Block, blockSetups), checkArgs("kargs", t.Kargs), checkArch("match-architectures", t.Arch)})
}
