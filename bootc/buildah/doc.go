// Package buildah is the engine that builds bootable images in the caller's process, with buildah as a library: no
// daemon, no program of podman, buildah or skopeo.
//
// # What the engine promises
//
//   - Importing it is enough. buildah runs parts of a build in the caller's program, started again; this package catches
//     those processes in its init, before the caller's main and whatever servers that starts, in tests too.
//   - A build runs in a worker: the program once more, as PID 1 of its own pid and mount namespaces, for an ordinary
//     user also of a user namespace. The request goes there through a pipe, secrets and logins with it, never through
//     arguments or environment. The environment, umask, limits and log of the caller's process are not touched.
//   - When the context ends, Build returns at once with its error, and no process, mount, container or file of the build
//     is left. What a killed program leaves is removed by the next Open, which knows its own from that of others. Any
//     number of engines and processes may use one Root.
//   - Nothing of the host's containers configuration is read (policy.json, registries.conf, registries.d, storage.conf,
//     containers.conf, mounts.conf, CONTAINERS_… variables) but the logins of the current user, unless Options.Registry
//     says otherwise. Nothing is written outside Options.Root, RunRoot and TempDir, but what BuildOptions.Output names.
//   - The same plan on the same base gives the same digest, in another store and on another day, as far as the programs
//     in RUN steps do.
//   - The layers of the base are in the manifest as the base's own manifest has them, byte for byte; the new ones are
//     compressed once. A device that has the base downloads only those.
//   - Every build is linted: its plan before anything runs, its layers before an image is made of them. One with an error, as
//     Options.Lint has it, fails, and nothing of it is left.
//   - Secrets are files on a tmpfs of the worker. Their values are taken out of events and errors: each line of at least
//     four bytes, as it stands; a step that prints one in another form gives it away.
//
// # Builds
//
// What has to run is built by buildah, in the worker; files and labels that come after the last such step are added by
// package bootc/direct, in this process and in milliseconds. So a changed file runs nothing again, and a plan that runs
// nothing needs no root and no pull of its base. Options.NoDirect has buildah do it all.
//
// The result is in Root/images, as an OCI layout that has what the base lacks; Image.BaseLocation says where the rest is.
// Layers accumulate in Root until Engine.Prune takes some away: the layer cache is all that the engine has ever built
// there. In a program, Root should be a directory of its own, on a disk with some gigabytes. Options.Cache shares what was
// built with engines of other machines.
//
// RUN steps have the host's network, its resolv.conf and its proxy variables, none of which gets into the image. A plan for
// another architecture can add files; for RUN the kernel needs an emulator (binfmt_misc), which Preflight looks for.
//
// # Build tags
//
// The engine runs on Linux and links containers/image and containers/storage, which want the headers of gpgme and btrfs
// unless told otherwise:
//
//	go build -tags containers_image_openpgp,exclude_graphdriver_btrfs
//
// With the headers installed, -tags bootloom_system_gpgme does as well. Without either, and on other systems, the package
// compiles and Open returns ErrNotBuiltIn. RUN in Chroot isolation needs cgo.
//
// # A whole program
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//
//		"github.com/bootloom/bootloom/bootc"
//		"github.com/bootloom/bootloom/bootc/buildah"
//	)
//
//	func main() {
//		eng, err := buildah.Open(buildah.Options{Root: "/var/lib/acme/images"})
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer eng.Close()
//		spec := bootc.From("quay.io/centos-bootc/centos-bootc:stream10").
//			Install("tmux").
//			Label("org.opencontainers.image.version", "1.4.0")
//		img, err := bootc.Build(context.Background(), eng, spec, bootc.BuildOptions{
//			OnEvent: func(e bootc.Event) { fmt.Println(e.Kind, e.Step, e.Steps, e.Text) },
//		})
//		if err != nil {
//			log.Fatal(err)
//		}
//		fmt.Println(img.Digest, img.AddedBytes(), "bytes on top of the base")
//	}
package buildah
