package diskimage

import (
	"slices"
	"strings"
)

// typePrefix begins the artifact types of disk images that Flight Control's guide publishes ("Building OS Images", "podman
// manifest add --artifact-type application/vnd.diskimage.iso") and that Konflux' build-vm-image task does, which has
// vnd.diskimage.raw.gzip for one that is compressed.
const typePrefix = "application/vnd.diskimage."

// kinds are the formats as artifact types call them. The first of those that share a name is what it means without more.
var kinds = []struct {
	format Format
	kind   string
}{
	{QCOW2, "qcow2"}, {Raw, "raw"}, {AMI, "raw"}, {VMDK, "vmdk"}, {VHD, "vhd"}, {GCE, "gce.tgz"}, {OVA, "ova"},
	{AnacondaISO, "iso"}, {InstallerISO, "iso"}, {PXE, "pxe.txz"},
}

// encodings are how a whole file can be compressed.
var encodings = []string{"gzip", "zstd"}

func (f Format) kind() string {
	for _, k := range kinds {
		if k.format == f {
			return k.kind
		}
	}
	return ""
}

// ArtifactType is the media type that a disk is published as: application/vnd.diskimage.FORMAT, with .gzip or .zstd behind
// it if the file is compressed. Both ISOs are "iso" and an AMI is "raw". It is empty for a Format that there is not.
func (d Disk) ArtifactType() string {
	kind := d.Format.kind()
	if kind == "" {
		return ""
	}
	if d.Encoding != "" {
		kind += "." + d.Encoding
	}
	return typePrefix + kind
}

// fromType reads an artifact type: ours, or that of Flight Control's image builder, which leaves out "diskimage.".
func fromType(s string) (f Format, encoding string, ok bool) {
	rest, ok := strings.CutPrefix(s, typePrefix)
	if !ok {
		if rest, ok = strings.CutPrefix(s, "application/vnd."); !ok || strings.Contains(rest, ".") {
			return "", "", false
		}
	}
	if i := strings.LastIndexByte(rest, '.'); i >= 0 && slices.Contains(encodings, rest[i+1:]) {
		rest, encoding = rest[:i], rest[i+1:]
	}
	for _, k := range kinds {
		if k.kind == rest {
			return k.format, encoding, true
		}
	}
	return "", "", false
}
