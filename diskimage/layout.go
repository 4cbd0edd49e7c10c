package diskimage

import (
	"fmt"
	"slices"

	"github.com/bootloom/bootloom/bootc"
)

// Layout is a partition table. What a disk needs to boot is added if it is missing: a BIOS boot partition (or PReP), an
// EFI system partition, /boot where the root is on LVM or btrfs, and the root. Source:
// https://osbuild.org/docs/user-guide/partitioning.
type Layout struct {
	// Table is "gpt" or "dos"; the zero value is gpt. dos has room for four partitions, those that are added counted.
	Table string `json:",omitzero"`
	// MinSize of the disk.
	MinSize Size `json:",omitzero"`
	// StartOffset is free space before the first partition.
	StartOffset Size `json:",omitzero"`
	// SectorSize is 512 or 4096 bytes; the zero value is 512.
	SectorSize int `json:",omitzero"`
	// Partitions in their order on the disk. At most one has LVM or btrfs.
	Partitions []Partition `json:",omitempty"`
}

func (l Layout) isZero() bool {
	return l.Table == "" && l.MinSize == 0 && l.StartOffset == 0 && l.SectorSize == 0 && len(l.Partitions) == 0
}

func (s Spec) checkLayout() []error {
	l := s.Layout
	if l.isZero() {
		return nil
	}
	var errs []error
	if !slices.Contains([]string{"", "gpt", "dos"}, l.Table) {
		errs = append(errs, bootc.Errorf("Layout.Table", "%q is unknown: want gpt or dos", l.Table))
	}
	if !slices.Contains([]int{0, 512, 4096}, l.SectorSize) {
		errs = append(errs, bootc.Errorf("Layout.SectorSize", "%d is no sector size of a disk: want 512 or 4096", l.SectorSize))
	}
	for _, size := range []struct {
		field string
		Size
	}{{"Layout.MinSize", l.MinSize}, {"Layout.StartOffset", l.StartOffset}} {
		if size.Size < 0 {
			errs = append(errs, bootc.Errorf(size.field, "is negative"))
		}
	}
	seen := mounts{}
	var pools []string
	for i, p := range l.Partitions {
		at := fmt.Sprintf("Layout.Partitions[%d]", i)
		errs = append(errs, p.check(at, l.Table, seen)...)
		if p.pool() {
			pools = append(pools, at)
		}
	}
	if i := l.lateBoot(); i >= 0 {
		errs = append(errs, bootc.Errorf(fmt.Sprintf("Layout.Partitions[%d]", i), "/boot must come before the partition that has the root: the tool would add another one"))
	}
	if len(pools) > 1 {
		errs = append(errs, bootc.Errorf(pools[1], "has LVM or btrfs, as has %s: the tool makes one of them", pools[0]))
	}
	if n := l.count(s.arch(), seen); l.Table == "dos" && n > 4 {
		errs = append(errs, bootc.Errorf("Layout.Partitions", "make %d partitions with those that are needed to boot on %s, and dos has room for 4: use gpt", n, s.arch()))
	}
	return errs
}

// count is the number of partitions after those that the tool adds (pkg/disk of osbuild's image-builder).
func (l Layout) count(arch string, seen mounts) int {
	n := len(l.Partitions)
	pool := slices.ContainsFunc(l.Partitions, Partition.pool)
	switch arch {
	case "amd64":
		n += 2 // BIOS boot and EFI
	case "arm64", "riscv64", "ppc64le":
		n++ // EFI or PReP
	}
	if seen["/boot/efi"] && (arch == "amd64" || arch == "arm64" || arch == "riscv64") {
		n--
	}
	if pool && !seen["/boot"] {
		n++
	}
	if !pool && !seen["/"] {
		n++
	}
	return n
}

// pool says that it has LVM or btrfs.
func (p Partition) pool() bool { return p.kind() != "plain" }

// lateBoot is the index of a /boot that the tool overlooks, because the root on LVM or btrfs comes first; or -1.
func (l Layout) lateBoot() int {
	root := slices.IndexFunc(l.Partitions, func(p Partition) bool {
		return slices.ContainsFunc(p.Volumes, func(v LogicalVolume) bool { return v.Mountpoint == "/" }) ||
			slices.ContainsFunc(p.Subvolumes, func(v Subvolume) bool { return v.Mountpoint == "/" })
	})
	boot := slices.IndexFunc(l.Partitions, func(p Partition) bool { return p.Mountpoint == "/boot" })
	if root < 0 || boot < root {
		return -1
	}
	return boot
}
