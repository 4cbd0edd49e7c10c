package bootc_test

import (
	"fmt"

	"github.com/bootloom/bootloom/bootc"
)

// An image for two kinds of virtual machines. The disk step asks the published image for the formats.
func ExamplePlatform() {
	base := bootc.Base{Ref: "quay.io/acme/base:1", Family: bootc.Fedora, Tool: bootc.DNF5}
	plan, err := bootc.From(base.Ref).With(bootc.Platform{Name: bootc.KubeVirt}, bootc.Platform{Name: bootc.VSphere}).Compile(base)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range plan.Archives {
		for _, e := range a.Entries {
			fmt.Println(e.Path)
		}
	}
	labels := map[string]string{bootc.LabelDiskFormats: "qcow2,vmdk"} // as an engine reads them
	fmt.Println(bootc.DiskFormats(labels), bootc.BareMetal.DiskFormat())
	// Output:
	// /usr/lib/bootc/kargs.d/10-platform-x86_64.toml
	// /usr/lib/systemd/system-preset/10-bootloom.preset
	// /usr/lib/systemd/system/default.target.wants/cloud-init.target
	// [qcow2 vmdk] anaconda-iso
}
