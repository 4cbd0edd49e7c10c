// Package boottest boots what was built and asks it: a disk image, or an OS image straight from a registry or an OCI
// layout, in a virtual machine, from a Go test.
//
//	vm := boottest.Start(t, boottest.Machine{Disk: disk.Path})
//	vm.WaitUnit("flightctl-agent.service")
//	version := vm.Sh("cat /etc/os-release")
//
// That fails the test with the end of the serial console if the machine does not come up, and leaves nothing behind. Without
// a test it is [Machine.Boot] and the methods of [VM].
//
// # Contract
//
//   - What is tested is not changed: what the machine writes to its disk is thrown away, unless Machine.Writable.
//   - The image needs nothing for the test. A service that runs commands, and what Machine adds (ssh key, units,
//     credentials), come in as system credentials in the SMBIOS tables (systemd.system-credentials(7)). The service and
//     Units need systemd 256 or newer in the image; on an older one there is still the serial console (WaitLog), and
//     SSHKey for one that has sshd.
//   - KVM is used if this host really has it, and otherwise emulation: a boot then takes half a minute to several on a busy
//     host. Machine.Timeout is for the whole life of the machine.
//   - No process outlives Stop, the context, the test or this program, even if it is killed (on Linux).
//   - A kernel panic, the emergency shell and a machine that goes off end what waits for it at once, with an error that says
//     which ([ErrPanic], [ErrEmergency], [ErrOff]) and the end of the serial console.
//
// It runs qemu-system-x86_64, and mkfs.ext4 for an OS image; Preflight says what is missing. Guests are amd64.
//
// # An OS image without a disk
//
// With Machine.Image or Machine.Root the image's kernel boots with its own initramfs and the kernel arguments of its
// /usr/lib/bootc/kargs.d, and its root file system is an ordinary ext4 disk. That shows that units, users and configuration
// work. It is not an installed system: no ostree deployment, no read-only /usr, no boot loader. A disk has those.
package boottest
