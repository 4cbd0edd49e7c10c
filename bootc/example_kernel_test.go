package bootc_test

import (
	"fmt"
	"os"
	"strings"
	"testing/fstest"

	"github.com/bootloom/bootloom/bootc"
)

// edgeBase is a base whose kernel is known, as an engine's Inspect tells it.
var edgeBase = bootc.Base{Family: bootc.Fedora, Tool: bootc.DNF4, Kernel: "6.12.0-55.el10.x86_64", Platform: "linux/amd64"}

// outline prints the stages of a plan, and who asked for their steps.
func outline(s bootc.Spec, base bootc.Base) {
	s.Base = "quay.io/acme/base:1"
	plan, err := s.Compile(base)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, stage := range plan.Containerfile.Stages {
		fmt.Println(strings.TrimSpace("FROM " + stage.From + " " + stage.Name))
		for j := range stage.Steps {
			fmt.Printf("    %T %v\n", stage.Steps[j], plan.Features(i, j))
		}
	}
	fmt.Println("secrets:", plan.Secrets)
}

func ExampleDriver() {
	source := fstest.MapFS{"Kbuild": {Data: []byte("obj-m := acme.o\n")}, "acme.c": {Data: []byte("…")}} // os.DirFS, embed.FS, …
	outline(bootc.Spec{}.
		With(bootc.Driver{Name: "acme", Source: bootc.DriverSource{FS: source}, Modules: []string{"acme"}}).
		LoadModules("acme"), edgeBase)
	// Output:
	// FROM quay.io/acme/base:1 bootloom-headers
	//     containerfile.Arg [Features[0].Driver]
	//     containerfile.Run [Features[0].Driver]
	// FROM bootloom-headers bootloom-driver-acme
	//     containerfile.Arg [Features[0].Driver]
	//     containerfile.Add [Features[0].Driver]
	//     containerfile.Run [Features[0].Driver]
	// FROM scratch bootloom-modules
	//     containerfile.Copy [Features[0].Driver]
	// FROM quay.io/acme/base:1
	//     containerfile.Arg [Features[0].Driver]
	//     containerfile.Comment [Features[0].Driver]
	//     containerfile.Run [Features[0].Driver]
	//     containerfile.Comment [Features[1].KernelModule]
	//     containerfile.Add [Features[1].KernelModule]
	// secrets: []
}

func ExampleDriverSource() {
	outline(bootc.Spec{}.With(
		bootc.Driver{Name: "fan", Source: bootc.DriverSource{Git: "https://git.example.com/fan", Commit: "9c1fa6e1b4bb3e3c5e84a7e6c1c2b1d2a8a0f0d3"}, Modules: []string{"fan"}},
		bootc.Driver{Name: "led", Source: bootc.DriverSource{URL: "https://example.com/led-1.2.tar.gz", Checksum: "sha256:" + strings.Repeat("0", 64)}, Dir: "led-1.2", Modules: []string{"led"}},
	), edgeBase)
	// Output:
	// FROM quay.io/acme/base:1 bootloom-headers
	//     containerfile.Arg [Features[0].Driver Features[1].Driver]
	//     containerfile.Run [Features[0].Driver Features[1].Driver]
	// FROM bootloom-headers bootloom-driver-fan
	//     containerfile.Arg [Features[0].Driver]
	//     containerfile.Run [Features[0].Driver]
	//     containerfile.Run [Features[0].Driver]
	//     containerfile.Run [Features[0].Driver]
	// FROM bootloom-headers bootloom-driver-led
	//     containerfile.Arg [Features[1].Driver]
	//     containerfile.Add [Features[1].Driver]
	//     containerfile.Run [Features[1].Driver]
	//     containerfile.Run [Features[1].Driver]
	// FROM scratch bootloom-modules
	//     containerfile.Copy [Features[0].Driver Features[1].Driver]
	//     containerfile.Copy [Features[0].Driver Features[1].Driver]
	// FROM quay.io/acme/base:1
	//     containerfile.Arg [Features[0].Driver Features[1].Driver]
	//     containerfile.Comment [Features[0].Driver Features[1].Driver]
	//     containerfile.Run [Features[0].Driver Features[1].Driver]
	// secrets: []
}

func ExampleKernelHeaders() {
	source := bootc.DriverSource{FS: fstest.MapFS{"Kbuild": {Data: []byte("obj-m := acme.o\n")}}}
	outline(bootc.Spec{}.With(
		bootc.Driver{Name: "acme", Source: source, Modules: []string{"acme"}},
		bootc.KernelHeaders{Files: []bootc.PackageFile{{Name: "kernel-devel-6.12.0-55.el10.x86_64.rpm", Content: bootc.Text("…")}}},
	), edgeBase)
	// Output:
	// FROM scratch bootloom-header-files
	//     containerfile.Add [Features[0].Driver Features[1].KernelHeaders]
	// FROM quay.io/acme/base:1 bootloom-headers
	//     containerfile.Arg [Features[0].Driver Features[1].KernelHeaders]
	//     containerfile.Run [Features[0].Driver Features[1].KernelHeaders]
	// FROM bootloom-headers bootloom-driver-acme
	//     containerfile.Arg [Features[0].Driver]
	//     containerfile.Add [Features[0].Driver]
	//     containerfile.Run [Features[0].Driver]
	// FROM scratch bootloom-modules
	//     containerfile.Copy [Features[0].Driver]
	// FROM quay.io/acme/base:1
	//     containerfile.Arg [Features[0].Driver]
	//     containerfile.Comment [Features[0].Driver]
	//     containerfile.Run [Features[0].Driver]
	// secrets: []
}

func ExampleKernelModule() {
	show(bootc.Spec{}.
		LoadModules("br_netfilter").
		BlacklistModules("nouveau", "b43"), edgeBase)
	show(bootc.Spec{}.With(bootc.KernelModule{Name: "acme", Content: bootc.FromFS(os.DirFS("testdata"), "no-such.ko")}), edgeBase)
	// Output:
	// # quay.io/acme/base:1 for linux/amd64
	// FROM quay.io/acme/base:1
	// # kernel: /usr/lib/modprobe.d/50-bootloom.conf (KernelModule)
	// # files: 2 files (KernelModule)
	// ADD kernel-files.tar /
	// -rw-r--r-- /usr/lib/bootc/kargs.d/50-bootloom-modules.toml
	//     kargs = ["modprobe.blacklist=b43,nouveau", "rd.driver.blacklist=b43,nouveau"]
	// -rw-r--r-- /usr/lib/modprobe.d/50-bootloom.conf
	//     blacklist b43
	//     blacklist nouveau
	// -rw-r--r-- /usr/lib/modules-load.d/50-bootloom.conf
	//     br_netfilter
	// Features[0].KernelModule.Content: stat no-such.ko: no such file or directory
}

func ExampleModuleSigning() {
	source := bootc.DriverSource{FS: fstest.MapFS{"Kbuild": {Data: []byte("obj-m := acme.o\n")}}}
	outline(bootc.Spec{}.With(
		bootc.Driver{Name: "acme", Source: source, Modules: []string{"acme"}},
		bootc.ModuleSigning{Key: "module-key", Certificate: signingCertificate},
	), edgeBase)
	// Output:
	// FROM quay.io/acme/base:1 bootloom-headers
	//     containerfile.Arg [Features[0].Driver]
	//     containerfile.Run [Features[0].Driver]
	// FROM bootloom-headers bootloom-driver-acme
	//     containerfile.Arg [Features[0].Driver Features[1].ModuleSigning]
	//     containerfile.Add [Features[0].Driver Features[1].ModuleSigning]
	//     containerfile.Run [Features[0].Driver Features[1].ModuleSigning]
	// FROM scratch bootloom-modules
	//     containerfile.Copy [Features[0].Driver]
	// FROM quay.io/acme/base:1
	//     containerfile.Arg [Features[0].Driver]
	//     containerfile.Comment [Features[0].Driver Features[1].ModuleSigning]
	//     containerfile.Add [Features[1].ModuleSigning]
	//     containerfile.Run [Features[0].Driver]
	// secrets: [module-key]
}

func ExampleFirmware() {
	show(bootc.Spec{}.With(bootc.Firmware{Name: "acme/fw-2.bin", Content: bootc.Text("…")}), edgeBase)
	// Output:
	// # quay.io/acme/base:1 for linux/amd64
	// FROM quay.io/acme/base:1
	// # kernel: /usr/lib/firmware/acme/fw-2.bin (Firmware)
	// ADD kernel.tar /
	// -rw-r--r-- /usr/lib/firmware/acme/fw-2.bin
	//     …
}

func ExampleInitramfs() {
	show(bootc.Spec{}.
		With(bootc.Initramfs{Add: []string{"tpm2-tss"}}).
		DropIn("/usr/lib/modprobe.d/acme.conf", "options nvme_core multipath=N\n"), edgeBase)
	// Output:
	// # quay.io/acme/base:1 for linux/amd64
	// FROM quay.io/acme/base:1
	// ARG SOURCE_DATE_EPOCH
	// # kernel: 2 files (Initramfs, DropIn)
	// ADD kernel.tar /
	// RUN <<'EOF'
	// set -eu
	// set -- /usr/lib/modules/*/vmlinuz
	// if [ $# -gt 1 ] || [ ! -e "$1" ]; then
	//   echo "a bootable image has one kernel, /usr/lib/modules/VERSION/vmlinuz; this one has: $*" >&2
	//   exit 1
	// fi
	// k=${1%/vmlinuz}
	// k=${k##*/}
	// img=/usr/lib/modules/$k/initramfs.img
	// DRACUT_NO_XATTR=1 dracut --quiet --force --no-hostonly --reproducible --add ostree --kver "$k" "$img"
	// if ! lsinitrd --mod "$img" | grep -xF ostree >/dev/null; then echo "the initramfs lacks dracut's module ostree: install the package that has it" >&2; exit 1; fi
	// if ! lsinitrd --mod "$img" | grep -xF tpm2-tss >/dev/null; then echo "the initramfs lacks dracut's module tpm2-tss: install the package that has it" >&2; exit 1; fi
	// EOF
	// -rw-r--r-- /usr/lib/dracut/dracut.conf.d/50-bootloom.conf
	//     add_dracutmodules+=" tpm2-tss "
	// -rw-r--r-- /usr/lib/modprobe.d/acme.conf
	//     options nvme_core multipath=N
}

func ExampleKernel() {
	outline(bootc.Spec{}.
		Install("tmux").
		With(bootc.Kernel{Version: "6.12.0-60.el10.x86_64+rt", Packages: []string{"kernel-rt-core-6.12.0-60.el10", "kernel-rt-modules-6.12.0-60.el10"}}), edgeBase)
	// Output:
	// FROM quay.io/acme/base:1
	//     containerfile.Arg [Features[0].Packages Features[1].Kernel]
	//     containerfile.Comment [Features[0].Packages Features[1].Kernel]
	//     containerfile.Run [Features[0].Packages Features[1].Kernel]
	//     containerfile.Comment [Features[1].Kernel]
	//     containerfile.Run [Features[1].Kernel]
	// secrets: []
}

// signingCertificate is that of a key that nobody has.
const signingCertificate = `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIULJL6jWD9cVv+xRCuYoUa3Ydu1j4wCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMQWNtZSBtb2R1bGVzMCAXDTI2MTEyNDE3MzM0NloYDzIxMjYx
MDMxMTczMzQ2WjAXMRUwEwYDVQQDDAxBY21lIG1vZHVsZXMwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAASnEzhBxa/O7DISXUdlWNw9oJStACf4PeZalFFACjDRU3JJ
gfRt/jwP522EVQ5pkUI9IPt3o0bc7Gi0OT/tVJxGo1MwUTAdBgNVHQ4EFgQUTYN8
GU8vBuVIkgdXVlfWZ+du+AIwHwYDVR0jBBgwFoAUTYN8GU8vBuVIkgdXVlfWZ+du
+AIwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA46QOkTVoUj6O
CvdEU3oMhdD5dcO1zhZny0KhtdaGPMQCIC1xMup+lB9BcWKeHQXl2lN83lrpSL+o
jAbWfELrJeX8
-----END CERTIFICATE-----
`
