package diskimage

import "github.com/opencontainers/go-digest"

// Disk is a disk image on this machine, as a fact: it prints, compares and serialises, and there is nothing to close.
type Disk struct {
	// Path of the file.
	Path string
	// Format of the disk in the file. Compression, if any, is on top of it: see Encoding.
	Format Format
	// Encoding is how the file is compressed as a whole: "" for not, "gzip" or "zstd".
	Encoding string `json:",omitzero"`
	// Size of the file in bytes, holes counted.
	Size int64
	// Digest of the file, sha256.
	Digest digest.Digest
	// Source is the OS image that the disk was made from: repository@digest.
	Source string
	// Platform is os/arch[/variant].
	Platform string
}

// Format is a kind of disk image or installer, by the name that bootc-image-builder has for it.
type Format string

// The formats.
const (
	QCOW2        Format = "qcow2"           // for QEMU, KVM, OpenStack
	Raw          Format = "raw"             // for any disk
	VMDK         Format = "vmdk"            // for vSphere
	VHD          Format = "vhd"             // for Azure and Hyper-V
	GCE          Format = "gce"             // for Google Cloud, a tar.gz of a raw disk
	AMI          Format = "ami"             // for Amazon EC2, a raw disk
	OVA          Format = "ova"             // for vSphere and VirtualBox, with a description of the machine
	AnacondaISO  Format = "anaconda-iso"    // an installer that has the OS image on it
	InstallerISO Format = "bootc-installer" // an installer that is a bootc image itself
	PXE          Format = "pxe-tar-xz"      // kernel, initramfs and root file system for network boot
)
