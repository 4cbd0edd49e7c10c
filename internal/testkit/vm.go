package testkit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/bootloom/bootloom/diskimage/boottest"
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
var ErrPanic = boottest.ErrPanic

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
// It is package boottest with one question; what wants to ask several uses that.
func (vm VM) Run(ctx context.Context, script string) (out, serial string, err error) {
	m := boottest.Machine{Root: vm.Root, Kargs: append([]string{"net.ifnames=0"}, vm.Kargs...), Network: vm.Network, CloudInit: vm.CloudInit,
		Memory: cmp.Or(vm.Memory, 768), Timeout: cmp.Or(vm.Timeout, 6*time.Minute)}
	if vm.Disk != "" {
		kernels, err := filepath.Glob(filepath.Join(vm.Root, "usr/lib/modules/*/vmlinuz"))
		if err != nil || len(kernels) != 1 {
			return "", "", fmt.Errorf("%s/usr/lib/modules has %d kernels, want one", vm.Root, len(kernels))
		}
		m.Root, m.Disk, m.Kernel, m.Initrd = "", vm.Disk, kernels[0], filepath.Join(filepath.Dir(kernels[0]), "initramfs.img")
	}
	for try := range 2 {
		out, serial, err = ask(ctx, m, script)
		if try == 0 && errors.Is(err, ErrPanic) {
			continue
		}
		break
	}
	return out, serial, err
}

func ask(ctx context.Context, m boottest.Machine, script string) (out, serial string, err error) {
	vm, err := m.Boot(ctx)
	if err != nil {
		return "", "", err
	}
	defer vm.Stop()
	var r boottest.Result
	if err = vm.WaitUnit(ctx, "multi-user.target"); err == nil {
		_, err = vm.WaitLog(ctx, "login:")
	}
	if err == nil {
		r, err = vm.Run(ctx, "exec 2>&1\n"+script)
	}
	if err == nil && r.Status != 0 {
		err = fmt.Errorf("the script in the virtual machine ended with status %d:\n%s", r.Status, r.Stdout)
	}
	return r.Stdout, vm.Serial(), err
}
