package boottest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// arguments are those of QEMU. The machine is an ordinary PC whose devices are virtio.
func (v *VM) arguments() ([]string, error) {
	m := v.machine
	format, err := diskFormat(m.Disk)
	if err != nil {
		return nil, err
	}
	credentials, err := m.credentials()
	if err != nil {
		return nil, err
	}
	strings11, err := smbios(credentials)
	if err != nil {
		return nil, err
	}
	snapshot := "on"
	if m.Writable {
		snapshot = "off"
	}
	args := []string{
		"-machine", "pc", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-m", strconv.Itoa(orDefault(m.Memory, 1024)), "-smp", strconv.Itoa(orDefault(m.CPUs, 1)),
		"-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial",
		"-drive", "if=none,id=disk,format=" + format + ",snapshot=" + snapshot + ",file=" + m.Disk, "-device", "virtio-blk-pci,drive=disk",
		"-device", "virtio-rng-pci",
		"-device", "virtio-serial-pci", "-chardev", "socket,id=agent,path=" + v.socket(), "-device", "virtserialport,chardev=agent,name=" + agentPort,
		"-smbios", strings11,
	}
	if m.Accel == "kvm" || m.Accel == "" && hasKVM() {
		args = append(args, "-accel", "kvm", "-cpu", "host")
	} else {
		// Without cx16: with it the emulation of QEMU 7.2 kills about every second boot (seen in __kmalloc_noprof).
		args = append(args, "-accel", "tcg", "-cpu", "max,cx16=off")
	}
	if m.Firmware != "" {
		args = append(args, "-bios", m.Firmware)
	}
	if m.Kernel != "" {
		// panic=-1: a panic ends the machine, and does not spin until the time is up.
		kargs := append([]string{"console=ttyS0", "panic=-1", "systemd.firstboot=off"}, m.Kargs...)
		args = append(args, "-kernel", m.Kernel, "-append", strings.Join(kargs, " "))
		if m.Initrd != "" {
			args = append(args, "-initrd", m.Initrd)
		}
	}
	if m.CloudInit != "" {
		args = append(args, "-drive", "if=none,id=seed,format=raw,readonly=on,file.driver=vvfat,file.label=CIDATA,file.dir="+m.CloudInit,
			"-device", "virtio-blk-pci,drive=seed")
	}
	if m.Network || len(m.Forward) > 0 {
		net := "user,id=net"
		for _, port := range m.Forward {
			free, err := freePort()
			if err != nil {
				return nil, err
			}
			v.ports[port] = free
			net += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", free, port)
		}
		args = append(args, "-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile=")
	}
	return args, nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// freePort returns a port that nobody listens on at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// diskFormat is what QEMU calls the format of a disk image, found by its first bytes. (QEMU can look itself, and then lets
// the machine write another format into a raw disk.)
func diskFormat(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head, end := make([]byte, 8), make([]byte, 8)
	if _, err := io.ReadFull(f, head); err != nil {
		return "", bootc.Errorf("Disk", "%s is no disk: %w", path, err)
	}
	if info, err := f.Stat(); err == nil && info.Size() >= 512 {
		if _, err := f.ReadAt(end, info.Size()-512); err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("QFI\xfb")):
		return "qcow2", nil
	case bytes.HasPrefix(head, []byte("KDMV")):
		return "vmdk", nil
	case string(head) == "conectix", string(end) == "conectix": // dynamic, and fixed
		return "vpc", nil
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}), bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), bytes.HasPrefix(head, []byte("\xfd7zXZ")):
		return "", bootc.Errorf("Disk", "%s is compressed: unpack it first", path)
	}
	return "raw", nil
}
