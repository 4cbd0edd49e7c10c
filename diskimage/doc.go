// Package diskimage makes disk images (qcow2, raw, VMDK, ISO, …) from published OS images with osbuild's image builder, as a
// typed step that can be checked, watched and cancelled.
//
// # Contract
//
//   - A [Spec] is a value: an image, a format, and what must differ from other disks of the same image. [Spec.Check] finds every
//     mistake at once, each with the path of its field, before anything runs: what the format does not have, what the tool
//     would leave out with a warning, paths and mount points that it refuses, layouts that it fails on or that do not boot.
//   - [Spec.Build] takes the image by the digest that was published, from the registry, with the logins and CAs of a
//     registry.Client, into a container store that is made for the run and removed after it. The live store of a machine is
//     mounted only for a Spec of [FromHostStore]. That the image is bootable and for the platform is known before any tool runs.
//   - The tool is [BootcImageBuilder] or [ImageBuilder], in a container pinned by digest, and runs where a [Runner] says: [Podman] (its
//     command here), [Node] (its REST API, by socket or ssh), [Chroot] (the container here, without podman), [Host] (the tool
//     installed here), or a type of your own. [Spec.Manifest] has the tool itself judge a Spec, without building.
//   - What upstream says in prose becomes data: pipelines and stages are events of the kind step, a failure is a *[ToolError] with the
//     stage, the last lines and what to do about it.
//   - Silence is not success. A setting that the tool leaves out is [ErrIgnored], though upstream exits with 0; so is a disk that is
//     not there ([ErrNoDisk]). A tool that says nothing for half an hour is stopped ([ErrStalled]).
//   - When the context ends, the container is stopped, the store, the loop devices that the tool has left and all temporary files are
//     removed, and the error is the context's. What a killed process leaves is removed by the next build in the same place.
//   - Values of secrets are in no Spec, command line, event or error: they are in [BuildOptions], and reach the tool in a file
//     that only root can read. In the disk, and in an ISO for everybody, they are what you put them in as.
//   - The result is a [Disk], a fact: path, size, digest (computed while it is written, with holes for zeros), source, platform.
//
// The types are this package's own, and not those of github.com/osbuild/blueprint: they have no field that does nothing for
// bootc images, a path for each mistake, sizes that print, and secrets by name. The tests hold them to the real tool.
//
// # A whole program
//
//	func main() {
//		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
//		defer stop()
//		spec := diskimage.FromRef("quay.io/acme/edge-os:1.4.0@sha256:…").
//			As(diskimage.QCOW2).
//			Root("xfs").
//			Filesystem("/var/lib/containers", 20*diskimage.GiB).
//			User(diskimage.User{Name: "ops", SSHKeys: []string{opsKey}, Groups: []string{"wheel"}})
//		disk, err := spec.Build(ctx, diskimage.Podman{}, diskimage.BuildOptions{
//			Output:  "edge-1.4.0.qcow2",
//			OnEvent: bootc.Progress(os.Stderr),
//		})
//		if err != nil {
//			log.Fatal(err)
//		}
//		fmt.Println(disk.Path, disk.Digest)
//	}
//
// # What the tool needs
//
// Root, loop devices, overlay mounts, vfat and GPT in the kernel, and room: some twelve times the compressed size of the image. On
// machines that enforce SELinux, osbuild-selinux. Preflight of a Runner says what is missing and what to do.
//
// Sources: https://github.com/osbuild/image-builder (cmd/image-builder, data/distrodefs/bootc-generic, pkg/distro/generic),
// https://osbuild.org/docs/bootc, https://github.com/osbuild/osbuild (osbuild/monitor.py).
package diskimage
