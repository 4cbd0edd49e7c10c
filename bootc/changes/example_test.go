package changes_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/changes"
	"github.com/bootloom/bootloom/internal/testkit"
)

// A test that an update changes what it should and nothing else.
func ExampleBetween() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	// Two images that an engine might have built.
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
	for name, layer := range map[string]files{
		"old": {"usr/lib/bootc/kargs.d/10-acme.toml": `kargs = ["quiet"]`, "usr/bin/agent": "1"},
		"new": {"usr/lib/bootc/kargs.d/10-acme.toml": `kargs = ["console=ttyS0"]`, "usr/bin/agent": "1"},
	} {
		if _, err := testkit.WriteLayout(filepath.Join(dir, name), config, layer.write); err != nil {
			log.Fatal(err)
		}
	}

	report, err := changes.Between(context.Background(),
		bootc.Image{Location: "oci:" + filepath.Join(dir, "old")}, bootc.Image{Location: "oci:" + filepath.Join(dir, "new")},
		changes.Options{Platform: "linux/amd64"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("kernel arguments: add", report.Kargs.Add, "remove", report.Kargs.Remove)
	for _, f := range report.Files {
		fmt.Println(f.Kind(), f.Path, f.Bytes())
	}
	// Output:
	// kernel arguments: add [console=ttyS0] remove [quiet]
	// changed /usr/lib/bootc/kargs.d/10-acme.toml 8
}

func ExampleReport_WriteText() {
	mode := changes.Stat{Mode: 0o644, Size: 900, SHA256: "1"}
	larger := changes.Stat{Mode: 0o755, Size: 1900, SHA256: "2"}
	report := changes.Report{
		From: changes.Image{Name: "quay.io/acme/edge-os", Digest: "sha256:aaaa", Platform: "linux/amd64", Version: "1.4.0"},
		To:   changes.Image{Name: "quay.io/acme/edge-os", Digest: "sha256:bbbb", Platform: "linux/amd64", Version: "1.5.0"},
		Update: bootc.Update{
			Fetch: []bootc.Layer{{Size: 31_400_000, Features: []string{"Packages"}}, {Size: 2_300, Features: []string{"DropIn", "Kargs"}}},
			Keep:  make([]bootc.Layer, 65), Metadata: 24_000,
		},
		Kernel: changes.Value{From: "6.12.0-55.el10", To: "6.12.0-60.el10"},
		Kargs:  changes.Kargs{Add: []string{"console=ttyS0"}, Remove: []string{"quiet"}},
		Packages: []changes.Package{
			{Format: "rpm", Name: "tmux", Arch: "x86_64", From: "3.4-1.el10", To: "3.5-1.el10", Kind: changes.Upgraded},
			{Format: "rpm", Name: "vim", Arch: "x86_64", From: "2:9.1-2", To: "2:9.1-1", Kind: changes.Downgraded},
			{Format: "rpm", Name: "zsh", Arch: "x86_64", To: "5.9-1", Kind: changes.Added},
		},
		Units: []changes.Unit{{Name: "edge.service", From: "disabled", To: "enabled", Edited: true}},
		Users: []changes.Account{{Name: "ops", To: changes.AnyNumber}},
		Files: []changes.File{
			{Path: "/usr/bin/tmux", From: mode, To: larger, Package: "tmux"},
			{Path: "/usr/lib/sysctl.d/50-edge.conf", To: mode},
			{Path: "/usr/libexec/edge", From: mode, To: larger},
		},
		Warnings: []string{"app had the number 990 and has 991: what it owns in /var of a device keeps the old one"},
	}
	if err := report.WriteText(os.Stdout, changes.TextOptions{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// # quay.io/acme/edge-os: 1.4.0 to 1.5.0
	//
	// From sha256:aaaa to sha256:bbbb, linux/amd64.
	// A device that has the old image downloads 31.4 MB: 2 of 67 layers (Packages 31.4 MB, DropIn+Kargs 2.3 kB).
	//
	// ## Warnings
	//
	// - app had the number 990 and has 991: what it owns in /var of a device keeps the old one
	//
	// ## Kernel
	//
	// `6.12.0-55.el10` to `6.12.0-60.el10`
	//
	// ## Kernel arguments
	//
	// - added `console=ttyS0`
	// - removed `quiet`
	//
	// ## Packages: 1 added, 1 upgraded, 1 downgraded
	//
	// - `tmux` `3.4-1.el10` to `3.5-1.el10`
	// - **downgraded** `vim` `2:9.1-2` to `2:9.1-1`
	// - added `zsh` `5.9-1`
	//
	// ## Units
	//
	// - `edge.service`: disabled to enabled, edited
	//
	// ## Users
	//
	// - added `ops`, a number of the device's own
	//
	// ## Files
	//
	// 1 added, 0 removed, 2 changed, +2.9 kB; 1 of them by packages.
	//
	// - added `/usr/lib/sysctl.d/50-edge.conf`, 900 bytes
	// - changed `/usr/libexec/edge`, -rw-r--r-- to -rwxr-xr-x, +1.0 kB
}
