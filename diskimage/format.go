package diskimage

import (
	"maps"
	"slices"
	"strings"
)

// formats has what the tool does with each format, after data/distrodefs/bootc-generic/imagetypes.yaml and internal/bibimg of
// osbuild's image-builder.
var formats = map[Format]struct {
	class  class
	suffix string // of the file, and of what the tool calls it
	magic  string // what such a file begins with, if all do
}{
	QCOW2:        {disk, ".qcow2", "QFI\xfb"},
	Raw:          {disk, ".raw", ""},
	AMI:          {disk, ".raw", ""},
	VMDK:         {disk, ".vmdk", ""},
	VHD:          {disk, ".vhd", ""},
	GCE:          {disk, ".tar.gz", "\x1f\x8b"},
	OVA:          {disk, ".ova", ""},
	AnacondaISO:  {iso, ".iso", ""},
	InstallerISO: {iso, ".iso", ""},
	PXE:          {pxe, ".tar.xz", "\xfd7zXZ\x00"},
}

// class of formats that take the same settings.
type class string

const (
	disk class = "a disk"
	iso  class = "an installer"
	pxe  class = "network boot"
)

func (f Format) iso() bool { return formats[f].class == iso }

// Ext is the ending of a file of this format, such as ".qcow2"; empty for an unknown format.
func (f Format) Ext() string { return formats[f].suffix }

// Formats lists the formats.
func Formats() []Format { return slices.Sorted(maps.Keys(formats)) }

func formatNames() string {
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
