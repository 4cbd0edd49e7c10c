// Package changes says what an update from one image to another changes on a device: packages by name and version, kernel,
// kernel arguments, units, users and groups, files, and what has to be downloaded. It is for release notes, for who has to
// approve an update, and for tests that an update changes what it should and nothing else.
//
// # Contract
//
//   - [Between] reads the layers of two images where they lie: in a registry, an OCI layout or an archive. Layers that both
//     have are read only if something depends on them, and none is read twice. Nothing is unpacked, no program is run.
//   - A [Report] is a value: the same two images give the same one. It marshals as JSON, and [Report.WriteText] writes it as
//     Markdown that reads as plain text too.
//   - What counts is what a device sees. Packages are those of the databases of rpm and dpkg in the image. Kernel arguments
//     are what bootc adds and removes, by its own rules. Units have the state that systemctl shows.
//   - A time of change, an SELinux label and other extended attributes are no change of a file; rules about setuid and
//     capabilities are package lint's ([lint.Linter.Upgrade]).
//   - /etc and /var belong to the device once it runs. bootc merges a new /etc into what the administrator made of the old
//     one: a file that was changed there stays, so that a new default, a unit that is enabled by a link in /etc, or an account in
//     /etc/passwd may not arrive. /var is only filled when a device is installed.
//
// # A whole program
//
//	package main
//
//	import (
//		"context"
//		"log"
//		"os"
//
//		"github.com/bootloom/bootloom/bootc"
//		"github.com/bootloom/bootloom/bootc/changes"
//	)
//
//	func main() {
//		old := bootc.Image{Location: "quay.io/acme/edge-os:1.4.0"}
//		new := bootc.Image{Location: "quay.io/acme/edge-os:1.5.0"}
//		report, err := changes.Between(context.Background(), old, new, changes.Options{Cache: "/var/cache/acme-changes"})
//		if err != nil {
//			log.Fatal(err)
//		}
//		report.WriteText(os.Stdout, changes.TextOptions{})
//	}
//
// # What it costs
//
// A layer is read once; several are read side by side. Measured on two busy cores: a base of one layer of 139 MB of gzip with
// 10,000 files takes 2.4 s and 25 MB of memory, and with a Cache that has it 0.15 s. The cache has 1.1 MB for it. A package
// database is held in memory while it is read: 10 to 100 MB. Where both images have the base, and the layers above it the same
// names in them, as after a change of configuration, the base is not read at all.
package changes
