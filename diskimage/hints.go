package diskimage

import "strings"

// hints are what is known about failures, by what the tool says (cmd/image-builder, pkg/setup, pkg/bootc of osbuild's
// image-builder; osbuild's stages), where … stands for any text between. The first that fits counts. TestHints asks the real tool for each that it can be brought to say.
var hints = []struct{ says, hint string }{
	// of the image
	{"missing required info: DefaultRootFs", "the image has no default root file system, as Fedora's have none: set RootFS, or bootc.InstallConfig in the image"},
	{"unsupported root filesystem type", "the install configuration of the image names a root file system that the tool cannot make: set RootFS"},
	{"is not a bootc image", "the label containers.bootc=1 is missing: build the image on a bootc base"},
	{"does not match available arches", "the image is for another architecture: set Platform to what it is for"},
	{"could not read kernel info from container", "there is no kernel in /usr/lib/modules of the image"},
	{"The initrd module list is empty", "the image has no initramfs beside its kernel: make one with dracut"},
	{"initramfs requires ostree, dmsquash-live and livenet modules", "the image's initramfs needs dracut's modules dmsquash-live and livenet for network boot"},
	{"failed to run lsinitrd", "the image has a kernel, and no dracut to read its initramfs with: install dracut, or set BuildRoot"},
	{"no dnf in container", "anaconda-iso takes its installer from packages: the image needs dnf; the format bootc-installer does not"},
	{"failed to infer distro and runner", "the tool knows no installer for the distribution of this image: use the format bootc-installer, or a disk"},
	{"need either repos (for RPM install)", "the repositories of the image's distribution were not reached: anaconda-iso needs the network"},
	{"failed to run bootc install print-configuration", "the image has no bootc: build it on a bootc base"},
	{"file_contexts", "the image has no SELinux policy where the tool looks for it, and it always does: install one, such as selinux-policy-targeted"},
	// of accounts
	{"useradd: group '", "a group of a user is not in the image: add it to Groups"},
	{"useradd: UID", "the UID is taken in the image"},
	{"useradd…non-zero exit status 6", "a group of a user is not in the image (wheel is missing on Debian, sudo on Fedora): add it to Groups"},
	// of the place
	{"could not access container storage", "the store of the run was not mounted into the tool's container"},
	{"image not known", "the image is not in the store that the tool reads"},
	{"must be run in rootful (not rootless) podman", "run podman as root, such as Podman{Command: []string{\"sudo\", \"podman\"}}"},
	{"requires a privileged container", "the container has not the privileges that the tool needs: podman must be root's, and may not be confined itself"},
	{"do you have 'qemu-user-static' installed", "programs of this architecture do not run on the machine: install qemu-user-static there, or use a machine of the architecture"},
	{"chcon: ", "the file system of the work directory takes no SELinux labels: use one on ext4, xfs or btrfs"},
	{"unknown filesystem type 'vfat'", "the machine's kernel has no vfat, which the EFI system partition needs: modprobe vfat"},
	{"no free loop device", "the machine has no loop device left: losetup -D, or modprobe loop"},
	{"failed to find an unused loop device", "the machine has no loop device left: losetup -D, or modprobe loop"},
	{"No space left on device", "the work directory is full: set BuildOptions.WorkDir to one with more room"},
	{"setrlimit `RLIMIT_", "podman may not raise the limits as it likes to: set default_ulimits in containers.conf to what the machine allows"},
	{"error setting rlimit type", "podman may not raise the limits as it likes to: set default_ulimits in containers.conf to what the machine allows"},
	{"cgroups in hybrid mode not supported", "crun does not run on a machine with the old cgroups: boot with systemd.unified_cgroup_hierarchy=1"},
	// of the tool
	{"unknown flag: ", "this version of the tool does not know an option that is needed: see Tool.Image"},
	{"unknown progress type", "this version of the tool does not know the progress that is read here: see Tool.Image"},
	{"unsupported image type", "this version of the tool does not make this format: see Tool.Image"},
	{"is not supported with image-builder", "use the entry point BootcImageBuilder for this format"},
	{"unknown keys found", "this version of the tool does not know a setting: see Tool.Image"},
	{"json: unknown field", "this version of the tool does not know a setting: see Tool.Image"},
	{"running osbuild failed: exec: \"osbuild\"", "osbuild is not installed beside the tool"},
	{"exec: \"osbuild\": executable file not found", "osbuild is not installed beside the tool"},
}

// hint returns what to do about a failure, or "".
func hint(e *ToolError) string {
	text := e.Message + "\n" + strings.Join(e.Tail, "\n")
	for _, h := range hints {
		if says(text, h.says) {
			return h.hint
		}
	}
	if e.ExitCode == 127 {
		return "the tool's container has no " + e.Program + ": see Tool.Image"
	}
	if e.ExitCode == 2 && e.Message == "" && e.Program != "skopeo" {
		return "the tool was told to stop"
	}
	return ""
}

func says(text, pattern string) bool {
	for part := range strings.SplitSeq(pattern, "…") {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}
