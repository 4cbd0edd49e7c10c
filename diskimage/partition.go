package diskimage

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Partition has a file system, or LVM (VolumeGroup, Volumes), or btrfs (Subvolumes).
type Partition struct {
	// Mountpoint of a plain file system, an absolute path.
	Mountpoint string `json:",omitzero"`
	// FS is the type of a plain partition: "ext4", "xfs", "vfat", "swap", or "none" for an empty one.
	FS string `json:",omitzero"`
	// Label of the file system.
	Label string `json:",omitzero"`
	// VolumeGroup is the name of an LVM volume group, and Volumes are its volumes. A name is made up if only one of the two is set.
	VolumeGroup string          `json:",omitzero"`
	Volumes     []LogicalVolume `json:",omitempty"`
	// Subvolumes are those of a btrfs volume.
	Subvolumes []Subvolume `json:",omitempty"`
	// MinSize is the least size; what is in it can make it larger.
	MinSize Size
	// Type is a partition type: a GUID for gpt, two hexadecimal digits for dos. The zero value follows from what is in it.
	Type string `json:",omitzero"`
	// Name and UUID are those of the partition itself, gpt only.
	Name string `json:",omitzero"`
	UUID string `json:",omitzero"`
}

// LogicalVolume is a volume of LVM.
type LogicalVolume struct {
	// Name is made up if it is empty.
	Name string `json:",omitzero"`
	// MinSize is the least size.
	MinSize Size
	// Mountpoint is an absolute path, neither /boot nor /boot/efi; empty for swap.
	Mountpoint string `json:",omitzero"`
	// FS is "ext4", "xfs", "vfat" or "swap".
	FS string
	// Label of the file system.
	Label string `json:",omitzero"`
}

// Subvolume is a subvolume of btrfs.
type Subvolume struct {
	Name       string
	Mountpoint string
}

func (p Partition) kind() string {
	switch {
	case p.VolumeGroup != "" || len(p.Volumes) > 0:
		return "lvm"
	case len(p.Subvolumes) > 0:
		return "btrfs"
	}
	return "plain"
}

func (p Partition) check(at, table string, seen mounts) []error {
	errs := append(p.checkTable(at, table), checkMinSize(at, p.MinSize))
	switch p.kind() {
	case "plain":
		errs = append(errs, seen.check(at, p.Mountpoint, p.FS, partition))
		if p.FS == "none" && p.Label != "" {
			errs = append(errs, bootc.Errorf(at+".Label", "a partition without file system has no label"))
		}
		return errs
	case "lvm":
		errs = append(errs, p.checkVolumes(at, seen)...)
	case "btrfs":
		names := map[string]bool{}
		for i, v := range p.Subvolumes {
			sub := fmt.Sprintf("%s.Subvolumes[%d]", at, i)
			if v.Name == "" {
				errs = append(errs, bootc.Errorf(sub+".Name", "is empty"))
			} else if names[v.Name] {
				errs = append(errs, bootc.Errorf(sub+".Name", "%s is there twice", v.Name))
			}
			names[v.Name] = true
			errs = append(errs, seen.check(sub, v.Mountpoint, "btrfs", subvolume))
		}
	}
	if p.Mountpoint != "" || p.FS != "" || p.Label != "" {
		errs = append(errs, bootc.Errorf(at, "has %s, so Mountpoint, FS and Label belong to its volumes", p.kind()))
	}
	return errs
}

func (p Partition) checkVolumes(at string, seen mounts) []error {
	var errs []error
	if len(p.Subvolumes) > 0 {
		errs = append(errs, bootc.Errorf(at+".Subvolumes", "cannot be beside LVM volumes"))
	}
	errs = append(errs, checkLVMName(at+".VolumeGroup", p.VolumeGroup))
	names := map[string]bool{}
	for i, v := range p.Volumes {
		sub := fmt.Sprintf("%s.Volumes[%d]", at, i)
		errs = append(errs, checkLVMName(sub+".Name", v.Name), checkMinSize(sub, v.MinSize))
		if v.Name != "" && names[v.Name] {
			errs = append(errs, bootc.Errorf(sub+".Name", "%s is there twice", v.Name))
		}
		names[v.Name] = true
		if v.FS == "none" {
			errs = append(errs, bootc.Errorf(sub+".FS", `"none" is for partitions`))
			continue
		}
		if v.Mountpoint == "/boot" {
			errs = append(errs, bootc.Errorf(sub+".Mountpoint", "/boot cannot be on LVM"))
		}
		errs = append(errs, seen.check(sub, v.Mountpoint, v.FS, volume))
	}
	return errs
}

var (
	guid    = lazyregexp.New(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	dosType = lazyregexp.New(`^[0-9A-Fa-f]{2}$`)
	lvmName = lazyregexp.New(`^[A-Za-z0-9+_.][A-Za-z0-9+_.-]*$`) // lvm(8)
)

func (p Partition) checkTable(at, table string) []error {
	var errs []error
	switch {
	case p.Type != "" && table == "dos" && !dosType.MatchString(p.Type):
		errs = append(errs, bootc.Errorf(at+".Type", "%q is not two hexadecimal digits, as dos has them", p.Type))
	case p.Type != "" && table != "dos" && !guid.MatchString(p.Type):
		errs = append(errs, bootc.Errorf(at+".Type", "%q is not a GUID, as gpt has them", p.Type))
	}
	if table == "dos" && (p.Name != "" || p.UUID != "") {
		errs = append(errs, bootc.Errorf(at, "partitions of dos have neither Name nor UUID"))
	} else if p.UUID != "" && !guid.MatchString(p.UUID) {
		errs = append(errs, bootc.Errorf(at+".UUID", "%q is not a UUID", p.UUID))
	}
	if n := len(utf16.Encode([]rune(p.Name))); n > 36 {
		errs = append(errs, bootc.Errorf(at+".Name", "has %d characters, and gpt holds 36", n))
	}
	return errs
}

func checkMinSize(at string, n Size) error {
	if n <= 0 {
		return bootc.Errorf(at+".MinSize", "must be positive")
	}
	return nil
}

func checkLVMName(field, name string) error {
	if name != "" && !lvmName.MatchString(name) {
		return bootc.Errorf(field, "%q is not a name for LVM: letters, digits and + _ . -", name)
	}
	return nil
}

// mounts are the mount points so far.
type mounts map[string]bool

// place is what a file system is on.
type place int

const (
	partition place = iota
	volume
	subvolume
)

func (m mounts) check(at, mountpoint, fs string, on place) error {
	field := at + ".Mountpoint"
	switch {
	case fs == "swap" || fs == "none":
		if mountpoint != "" {
			return bootc.Errorf(field, "%s has no mount point", fs)
		}
		return nil
	case mountpoint == "":
		return bootc.Errorf(field, "is empty")
	case mountpoint != "/" && !cleanPath(mountpoint):
		return bootc.Errorf(field, "%q is not a clean absolute path", mountpoint)
	case m[mountpoint]:
		return bootc.Errorf(field, "%s is there twice", mountpoint)
	}
	m[mountpoint] = true
	types := []string{"ext4", "xfs", "vfat"}
	switch {
	case on == subvolume:
		types = []string{"btrfs"}
	case mountpoint == "/boot":
		types = []string{"ext4", "xfs"}
	case mountpoint == "/boot/efi":
		types = []string{"vfat"}
	}
	if !slices.Contains(types, fs) {
		hint := ""
		if fs == "btrfs" {
			hint = "; btrfs has Subvolumes"
		}
		return bootc.Errorf(at+".FS", "%q cannot be the file system of %s: want %s%s", fs, mountpoint, strings.Join(types, ", "), hint)
	}
	if mountpoint == "/boot/efi" && on != partition {
		return bootc.Errorf(field, "/boot/efi must be a partition of its own")
	}
	for dir := mountpoint; dir != "/"; dir = path.Dir(dir) {
		if slices.Contains(systemDirs, dir) {
			return bootc.Errorf(field, "%s cannot be a file system of its own: %s is part of the image", mountpoint, dir)
		}
	}
	return nil
}

// systemDirs are in the image, made at boot, or links in an ostree system. The tool takes them, and the disk does not boot.
var systemDirs = []string{"/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/dev", "/proc", "/sys", "/run", "/sysroot", "/ostree", "/home", "/opt", "/srv", "/mnt", "/root",
	"/var/lock", "/var/run"}
