package testkit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A VM is a virtual machine that boots an image's root file system with the image's own kernel and initramfs, under QEMU without
// hardware help: half a minute, and one core. It is only for amd64.
type VM struct {
	// Root is the root file system as a directory ([UnpackImage]). It is copied to an ext4 disk, and not changed.
	Root string
	// Disk is a disk to boot in place of Root's copy; Root then gives only the kernel. Kargs must have its root=, the
	// disk being /dev/vda. What the machine writes to it is thrown away.
	Disk string
	// Kargs are added to the kernel's command line.
	Kargs []string
	// Network gives the machine a network in which 10.0.2.2 is the loopback interface of this one. What to do with the
	// interface is the script's or the image's business.
	Network bool
	// CloudInit is a directory with user-data and meta-data for cloud-init, which the machine has as a disk of label CIDATA
	// (datasource NoCloud).
	CloudInit string
	// Memory in MB; 0 for 768.
	Memory int
	// Timeout is for one boot and the script; 0 for 6 minutes. An idle machine boots in half of one, and one whose cores are
	// shared by five took three.
	Timeout time.Duration
}

// ErrPanic is in the chain of the error of a machine whose kernel panicked.
var ErrPanic = errors.New("kernel panic")

// NeedVM is [Need] for what [VM.Run] needs.
func NeedVM(t testing.TB) {
	t.Helper()
	Need(t, "an amd64 machine, to boot amd64 images", runtime.GOARCH == "amd64")
	NeedRoot(t) // only root can copy a root file system with its owners
	NeedTool(t, "qemu-system-x86_64", "mkfs.ext4")
}

// Run boots the machine, runs script with /bin/sh as root when the system is up (after multi-user.target and the login
// prompt), and turns the machine off. out is what the script wrote, to standard output and standard error; serial is
// all that came from the serial console, with the login prompt. A script that fails is an error, as is a machine that
// does not get as far as the script. A kernel panic is tried once more, because QEMU's emulation has such bugs.
//
// The script comes in by a systemd credential (systemd 256 or newer), so the image is booted as it is. It must not wait
// for the end of the boot (systemctl is-system-running --wait), which waits for the script.
func (vm VM) Run(ctx context.Context, script string) (out, serial string, err error) {
	dir, err := os.MkdirTemp("", "testkit-vm-")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	kernel, initramfs, err := findKernel(vm.Root)
	if err != nil {
		return "", "", err
	}
	kargs := append([]string{"console=ttyS0", "systemd.firstboot=off", "net.ifnames=0", "panic=-1"}, vm.Kargs...)
	disk := vm.Disk
	if disk == "" {
		disk = filepath.Join(dir, "disk")
		if err := makeDisk(ctx, disk, vm.Root); err != nil {
			return "", "", err
		}
		kargs = append([]string{"root=/dev/vda", "rw"}, kargs...)
	}
	result := filepath.Join(dir, "result")
	args := []string{
		// Without cx16: with it the emulation kills about every second boot (QEMU 7.2, seen in __kmalloc_noprof).
		"-accel", "tcg", "-cpu", "max,cx16=off", "-smp", "1", "-m", strconv.Itoa(cmp.Or(vm.Memory, 768)),
		"-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
		"-kernel", kernel, "-initrd", initramfs, "-append", strings.Join(kargs, " "),
		"-drive", "if=none,id=disk,format=raw,snapshot=on,file=" + disk, "-device", "virtio-blk-pci,drive=disk",
		// getty hangs the serial console up, so results have a port of their own.
		"-device", "virtio-serial-pci", "-chardev", "file,id=result,path=" + result, "-device", "virtserialport,chardev=result,name=" + resultPort,
		"-smbios", "type=11," + credential("systemd.extra-unit.bootloom-test.service", testUnit(script)) +
			"," + credential("systemd.unit-dropin.multi-user.target", "[Unit]\nWants=bootloom-test.service\n"),
	}
	if vm.Network {
		args = append(args, "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=")
	}
	if vm.CloudInit != "" {
		args = append(args, "-drive", "if=none,id=seed,format=raw,readonly=on,file.driver=vvfat,file.label=CIDATA,file.dir="+vm.CloudInit,
			"-device", "virtio-blk-pci,drive=seed")
	}
	for try := range 2 {
		out, serial, err = vm.boot(ctx, args, result)
		if try == 0 && errors.Is(err, ErrPanic) {
			continue
		}
		break
	}
	return out, serial, err
}

const resultPort = "bootloom.result"

func (vm VM) boot(ctx context.Context, args []string, result string) (out, serial string, err error) {
	if err := os.WriteFile(result, nil, 0o600); err != nil {
		return "", "", err
	}
	limit := vm.Timeout
	if limit == 0 {
		limit = 6 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var console bytes.Buffer
	cmd := exec.Command("qemu-system-x86_64", args...)
	cmd.Stdout, cmd.Stderr = &console, &console
	p, err := start(cmd)
	if err != nil {
		return "", "", err
	}
	err = p.wait(ctx)
	serial = console.String()
	b, readErr := os.ReadFile(result)
	// The script's status comes last, on a line of its own: without it, the machine died on the way.
	out, status, ended := cutLast(string(b), "\nbootloom-test ended with ")
	switch {
	case readErr != nil:
		err = readErr
	case err != nil:
		err = fmt.Errorf("virtual machine: %w; the console's end:\n%s", err, tail(serial, 2000))
	case ended && strings.TrimSpace(status) == "0":
	case ended:
		err = fmt.Errorf("the script in the virtual machine ended with status %s:\n%s", strings.TrimSpace(status), out)
	case strings.Contains(serial, "Kernel panic"):
		err = fmt.Errorf("%w:\n%s", ErrPanic, tail(serial, 4000))
	default:
		err = fmt.Errorf("the virtual machine went off without a result; the console's end:\n%s", tail(serial, 2000))
	}
	return out, serial, err
}

// runScript is what the test's service does, as a shell program. It waits for the login prompt first: getty starts when the
// boot has nothing else to do, and then takes a moment to write.
const runScript = `
pid=$(systemctl show -P MainPID serial-getty@ttyS0.service)
for i in $(seq 60); do
	[ "$pid" = 0 ] || [ "$(cat /proc/$pid/comm)" = agetty ] && break
	sleep 0.5
	pid=$(systemctl show -P MainPID serial-getty@ttyS0.service)
done
sleep 2
/bin/sh -c "$(echo "$script" | base64 -d)" >"$port" 2>&1 </dev/null
printf '\nbootloom-test ended with %s\n' $? >"$port"
systemctl poweroff --force --force
`

// testUnit is a service that runs script when the system is up, and then turns the machine off.
func testUnit(script string) string {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return "[Unit]\nDescription=Test script\nAfter=multi-user.target getty.target serial-getty@ttyS0.service\n" +
		"[Service]\nType=exec\nEnvironment=port=/dev/virtio-ports/" + resultPort + " script=" + encode(script) + "\n" +
		`ExecStart=/bin/sh -c "eval \"$$(echo ` + encode(runScript) + ` | base64 -d)\""` + "\n"
}

// credential is a system credential as QEMU passes it in an SMBIOS string (systemd.system-credentials(7)).
func credential(name, value string) string {
	return "value=io.systemd.credential.binary:" + name + "=" + base64.StdEncoding.EncodeToString([]byte(value))
}

// makeDisk makes an ext4 disk of the directory, with half as much again and 200 MB to spare.
func makeDisk(ctx context.Context, disk, root string) error {
	out, err := run(ctx, "du", exec.Command("du", "-sxm", root))
	if err != nil {
		return err
	}
	used, err := strconv.Atoi(strings.Fields(out)[0])
	if err != nil {
		return err
	}
	mkfs, err := lookTool("mkfs.ext4")
	if err != nil {
		return err
	}
	_, err = run(ctx, "mkfs.ext4", exec.Command(mkfs, "-q", "-F", "-L", "root", "-E", "root_owner=0:0", "-d", root, disk, fmt.Sprint(used+used/2+200, "M")))
	return err
}

func findKernel(root string) (kernel, initramfs string, err error) {
	found, err := filepath.Glob(filepath.Join(root, "usr/lib/modules/*/vmlinuz"))
	if err != nil || len(found) != 1 {
		return "", "", fmt.Errorf("%s/usr/lib/modules has %d kernels, want one", root, len(found))
	}
	initramfs = filepath.Join(filepath.Dir(found[0]), "initramfs.img")
	_, err = os.Stat(initramfs)
	return found[0], initramfs, err
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
