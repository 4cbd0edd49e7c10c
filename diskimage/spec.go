package diskimage

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// Spec is the typed config of one disk image: a literal, JSON, or grown from From by its methods. Each method returns
// a changed copy and leaves its receiver as it was, so that one Spec can be the stem of many.
//
// It has what the tool really does for a bootc image, and no more: host names, services, packages, firewall, locale and
// sshd settings of osbuild's blueprints have no effect on such images, and belong in the image itself.
type Spec struct {
	// Source is the OS image.
	Source Source
	// Format of the disk.
	Format Format
	// Platform is os/arch[/variant]; the zero value is linux on this host's architecture, or whatever a single image is for.
	Platform string `json:",omitzero"`
	// RootFS is the root file system: "ext4", "xfs" or "btrfs". The zero value is what the image says in
	// /usr/lib/bootc/install, which stock Fedora images do not.
	RootFS string `json:",omitzero"`
	// Follow is the reference that an installed machine updates from, such as quay.io/acme/edge-os:stable. The zero value is
	// the Source's own: its tag, or without one its digest, from which a machine never updates by itself.
	Follow string `json:",omitzero"`
	// KernelArgs are added to those of the image; one argument an element. Arguments for every machine are better in the
	// image (bootc.Kargs), where an update can change them.
	KernelArgs []string `json:",omitempty"`
	// NoDefaultKernelArgs leaves out "rw console=tty0 console=ttyS0", which the tool adds otherwise. Only the entry point
	// ImageBuilder can.
	NoDefaultKernelArgs bool `json:",omitzero"`
	// Filesystems give file systems of the default layout a size, and add ones below /var. Not together with Layout.
	Filesystems []Filesystem `json:",omitempty"`
	// Layout is the partition table, in place of the default one.
	Layout Layout `json:",omitzero"`
	// Users and Groups are made in the disk: for what must differ from other disks of the same image. Others are better
	// in the image (bootc.User).
	Users  []User  `json:",omitempty"`
	Groups []Group `json:",omitempty"`
	// Files and Directories are made in the disk; each is there for good, since no update of the image changes it.
	Files       []File      `json:",omitempty"`
	Directories []Directory `json:",omitempty"`
	// Ignition is for images that have it.
	Ignition Ignition `json:",omitzero"`
	// Bootloader says how GRUB talks.
	Bootloader Bootloader `json:",omitzero"`
	// Installer is for the ISO formats.
	Installer Installer `json:",omitzero"`
	// BuildRoot is another bootc image whose programs make the disk, for OS images that lack them (mkfs, sfdisk). The zero
	// value is the Source itself. It must be for the same platform.
	BuildRoot Source `json:",omitzero"`
}

// From starts a Spec on a published image.
func From(p registry.Published) Spec {
	ref := p.Reference()
	if len(p.Tags) > 0 {
		ref = p.Repository + ":" + p.Tags[0] + "@" + p.Digest.String()
	}
	return FromRef(ref)
}

// FromRef starts a Spec on a published image by its reference, registry/repository[:tag][@digest]. A tag alone is looked up
// once, when the build begins.
func FromRef(reference string) Spec { return Spec{Source: Source{Ref: reference}} }

// FromImage starts a Spec on an image that is on this machine only, in a layout or archive: for a try before it is
// published. A machine installed from it downloads all layers again at its first update if the published ones have other
// digests. Follow has to be set.
func FromImage(img bootc.Image) Spec { return Spec{Source: Source{Image: img}} }

// FromHostStore starts a Spec on an image in the live container store of the machine that the tool runs on
// (/var/lib/containers/storage), which the tool then gets for reading and writing, as in upstream's documentation. No
// digest says what goes into the disk, and a podman in the tool that is newer than the machine's may convert the
// store's database, after which the machine's podman cannot use it.
func FromHostStore(name string) Spec { return Spec{Source: Source{LiveHostStore: name}} }

// As sets the format.
func (s Spec) As(f Format) Spec {
	s.Format = f
	return s
}

// For sets the platform, os/arch[/variant].
func (s Spec) For(platform string) Spec {
	s.Platform = platform
	return s
}

// Root sets the root file system: "ext4", "xfs" or "btrfs".
func (s Spec) Root(filesystem string) Spec {
	s.RootFS = filesystem
	return s
}

// Following sets the reference that an installed machine updates from.
func (s Spec) Following(reference string) Spec {
	s.Follow = reference
	return s
}

// Kargs adds kernel arguments.
func (s Spec) Kargs(args ...string) Spec {
	s.KernelArgs = append(slices.Clip(s.KernelArgs), args...) // Clip: branches never share a tail
	return s
}

// Filesystem adds a file system of at least this size to the default layout, or sets the size of / or /boot.
func (s Spec) Filesystem(mountpoint string, min Size) Spec {
	s.Filesystems = append(slices.Clip(s.Filesystems), Filesystem{mountpoint, min})
	return s
}

// Partition adds partitions to the Layout.
func (s Spec) Partition(p ...Partition) Spec {
	s.Layout.Partitions = append(slices.Clip(s.Layout.Partitions), p...)
	return s
}

// User adds users.
func (s Spec) User(u ...User) Spec {
	s.Users = append(slices.Clip(s.Users), u...)
	return s
}

// Group adds groups.
func (s Spec) Group(g ...Group) Spec {
	s.Groups = append(slices.Clip(s.Groups), g...)
	return s
}

// File adds a file with mode 0644, owned by root.
func (s Spec) File(path, content string) Spec {
	s.Files = append(slices.Clip(s.Files), File{Path: path, Content: bootc.Text(content)})
	return s
}

// Directory adds directories.
func (s Spec) Directory(d ...Directory) Spec {
	s.Directories = append(slices.Clip(s.Directories), d...)
	return s
}

// Kickstart sets the kickstart of an installer.
func (s Spec) Kickstart(text string) Spec {
	s.Installer.Kickstart = text
	return s
}

// UnmarshalJSON reads what json.Marshal writes. Members that a Spec does not have are refused.
func (s *Spec) UnmarshalJSON(b []byte) error {
	type plain Spec
	var v plain
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more after the end of the JSON value")
	}
	*s = Spec(v)
	return nil
}
