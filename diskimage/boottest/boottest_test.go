package boottest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/diskimage/boottest"
	"github.com/bootloom/bootloom/internal/testkit"
)

const greeter = `[Unit]
Description=Greets by TCP
[Socket]
ListenStream=2222
Accept=yes
`

const greet = `[Service]
Type=oneshot
StandardOutput=socket
ExecStart=/bin/echo hello from the machine
`

func needBoot(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("boots a machine, which takes half a minute; -short is set")
	}
	testkit.NeedVM(t)
}

// TestImage boots an OS image as it lies in a layout, and asks it all there is to ask.
func TestImage(t *testing.T) {
	needBoot(t)
	layout := testkit.Base(t, testkit.Debian)
	temp := t.TempDir()
	var lines []string
	vm := boottest.Start(t, boottest.Machine{
		Image:       bootc.Image{Location: "oci:" + layout},
		Kargs:       []string{"test.karg=here", "net.ifnames=0"},
		Credentials: map[string][]byte{"acme.token": []byte("of the test")},
		SSHKey:      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGV4YW1wbGU= test",
		Units: map[string]string{
			"app.service":    "[Service]\nType=exec\nExecStart=/bin/sleep infinity\n",
			"once.service":   "[Service]\nType=oneshot\nExecStart=/bin/echo done once\n",
			"bad.service":    "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo no such luck; exit 3'\n",
			"greet.socket":   greeter,
			"greet@.service": greet,
		},
		Forward: []int{2222},
		TempDir: temp,
		OnEvent: func(e bootc.Event) { lines = append(lines, e.Text) },
	})
	vm.WaitUnit("multi-user.target")
	vm.WaitUnit("app.service")
	vm.WaitUnit("once.service")
	if line := vm.WaitLog(`\blogin:`); !strings.Contains(line, "login:") {
		t.Errorf("line %q", line)
	}
	for unit, says := range map[string]string{"bad.service": "no such luck", "nowhere.service": "not-found"} {
		if err := vm.VM.WaitUnit(t.Context(), unit); !errors.Is(err, boottest.ErrUnitFailed) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v", unit, err)
		}
	}

	r, err := vm.Run(t.Context(), "cat /proc/cmdline; echo trouble >&2; exit 7")
	if err != nil || r.Status != 7 || r.Stderr != "trouble\n" || !strings.Contains(r.Stdout, "test.karg=here") {
		t.Errorf("result %+v, error %v", r, err)
	}
	if out := vm.Sh("systemd-creds --system cat acme.token; stat -c %a /root/.ssh/authorized_keys; cat /root/.ssh/authorized_keys"); !strings.HasPrefix(out, "of the test600\nssh-ed25519 AAAA") {
		t.Errorf("credential and key: %q", out)
	}
	// A lot of output, and some that is not text.
	if out := vm.Sh("seq 20000; printf '\\000\\377'"); len(out) != 108894+2 || !strings.HasSuffix(out, "20000\n\x00\xff") {
		t.Errorf("%d bytes", len(out))
	}

	// A script that is given up is gone, and the next one runs.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := vm.Run(ctx, "sleep 54321 & sleep 54321"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if out := vm.Sh("grep -la '5432[1]' /proc/[0-9]*/cmdline || echo gone"); out != "gone\n" {
		t.Errorf("what was given up still runs: %q", out)
	}

	journal, err := vm.Journal(t.Context(), "-u", "bad.service", "-o", "cat")
	if err != nil || !strings.Contains(journal, "no such luck") {
		t.Errorf("journal %q, error %v", journal, err)
	}

	vm.Sh(`mkdir -p /run/systemd/network
printf '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n' >/run/systemd/network/test.network
systemctl start systemd-networkd
/usr/lib/systemd/systemd-networkd-wait-online --interface=eth0 --timeout=120`)
	conn, err := net.Dial("tcp", vm.Addr(2222))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); string(b) != "hello from the machine\n" {
		t.Errorf("read %q, error %v", b, err)
	}
	conn.Close()
	if vm.Addr(22) != "" {
		t.Error("a port that was not forwarded has an address")
	}

	if err := vm.PowerOff(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := vm.Run(t.Context(), "true"); !errors.Is(err, boottest.ErrOff) {
		t.Errorf("error %v", err)
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "Linux version") }) || strings.Contains(vm.Serial(), "\x1b") {
		t.Error("the console's lines are not what is expected")
	}
	if err := vm.Stop(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, temp)
}

// nothingLeft fails if a process or a file of a machine is there.
func nothingLeft(t *testing.T, temp string) {
	t.Helper()
	if files, _ := os.ReadDir(temp); len(files) > 0 {
		t.Errorf("left: %v", files)
	}
	if p := processOf(temp); p != "" {
		t.Errorf("%s still runs", p)
	}
}

// processOf finds a process that has a directory in its arguments.
func processOf(dir string) string {
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range list {
		if b, _ := os.ReadFile(p); strings.Contains(string(b), dir) && strings.Contains(string(b), "qemu") {
			return p
		}
	}
	return ""
}

// TestDisk boots a disk by its own boot loader. What it writes stays if it may, and only then.
func TestDisk(t *testing.T) {
	needBoot(t)
	testkit.NeedBootDisk(t)
	disk := filepath.Join(t.TempDir(), "disk.raw")
	if err := testkit.BootDisk(t.Context(), disk, testkit.Root(t, testkit.Debian), "disk.karg=its-own"); err != nil {
		t.Fatal(err)
	}
	for firmware, path := range map[string]string{"BIOS": "", "UEFI": "/usr/share/ovmf/OVMF.fd"} {
		t.Run(firmware, func(t *testing.T) {
			if path != "" {
				_, err := os.Stat(path)
				testkit.Need(t, "ovmf (run hack/setup.sh)", err == nil)
			}
			vm := boottest.Start(t, boottest.Machine{Disk: disk, Firmware: path, Writable: path == ""})
			vm.WaitLog("GRUB of the test kit")
			vm.WaitUnit("multi-user.target")
			if out := vm.Sh("grep -o disk.karg=its-own /proc/cmdline; findmnt -no SOURCE /; echo " + firmware + " >/var/written-" + firmware + "; sync"); out != "disk.karg=its-own\n/dev/vda2\n" {
				t.Errorf("output %q", out)
			}
			if out := vm.Sh("[ -d /sys/firmware/efi ] && echo UEFI || echo BIOS"); out != firmware+"\n" {
				t.Errorf("started by %s", out)
			}
			if err := vm.PowerOff(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
	for name, want := range map[string]string{"/var/written-BIOS": "BIOS\n", "/var/written-UEFI": ""} {
		debugfs := exec.Command("debugfs", "-R", "cat "+name, disk+"?offset=2097152")
		debugfs.Env = append(os.Environ(), "PATH=/usr/sbin:/sbin:"+os.Getenv("PATH"))
		if out, err := debugfs.Output(); string(out) != want {
			t.Errorf("%s on the disk has %q, error %v", name, out, err)
		}
	}
}

// TestEmergency: a system that gives up is not waited for.
func TestEmergency(t *testing.T) {
	needBoot(t)
	vm, err := boottest.Machine{Root: testkit.Root(t, testkit.Debian), Kargs: []string{"systemd.unit=emergency.target"}}.Boot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Stop()
	if err := vm.WaitUnit(t.Context(), "multi-user.target"); !errors.Is(err, boottest.ErrEmergency) || !strings.Contains(err.Error(), "multi-user.target") {
		t.Errorf("error %v", err)
	}
}

// unbootable is a directory with a kernel that will not find a root file system, and panics at once.
func unbootable(t testing.TB) string {
	root := t.TempDir()
	kernels, err := filepath.Glob(testkit.Root(t, testkit.Debian) + "/usr/lib/modules/*/vmlinuz")
	if err != nil || len(kernels) != 1 {
		t.Fatal(kernels, err)
	}
	modules := filepath.Join(root, "usr/lib/modules/k")
	if err := errors.Join(os.MkdirAll(modules, 0o755), os.Symlink(kernels[0], modules+"/vmlinuz"), os.WriteFile(modules+"/initramfs.img", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestPanic(t *testing.T) {
	needBoot(t)
	temp := t.TempDir()
	m := boottest.Machine{Root: unbootable(t), TempDir: temp, Accel: "tcg"}
	vm, err := m.Boot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := vm.Wait(t.Context()); !errors.Is(err, boottest.ErrPanic) || !strings.Contains(err.Error(), "Unable to mount root fs") {
		t.Errorf("error %v", err)
	}
	if _, err := vm.WaitLog(t.Context(), "never"); !errors.Is(err, boottest.ErrPanic) {
		t.Errorf("error %v", err)
	}
	if line, err := vm.WaitLog(t.Context(), "Kernel panic"); err != nil || !strings.Contains(line, "VFS") {
		t.Errorf("line %q, error %v", line, err)
	}
	vm.Stop()
	nothingLeft(t, temp)

	// Cancelled, it is gone; and so it is when its time is up.
	ctx, cancel := context.WithCancel(t.Context())
	vm, err = m.Boot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := vm.Wait(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := vm.WaitUnit(t.Context(), "multi-user.target"); !errors.Is(err, boottest.ErrOff) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	vm.Stop()
	m.Timeout = time.Millisecond
	if vm, err = m.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := vm.Run(t.Context(), "true"); !errors.Is(err, boottest.ErrOff) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	vm.Stop()
	nothingLeft(t, temp)
}

// TestKilled: a program that is killed takes its machine with it.
func TestKilled(t *testing.T) {
	needBoot(t)
	temp := t.TempDir()
	if os.Getenv("BOOTTEST_ROOT") != "" {
		if _, err := (boottest.Machine{Root: os.Getenv("BOOTTEST_ROOT"), TempDir: os.Getenv("BOOTTEST_TEMP"), Kargs: []string{"panic=0"}}).Boot(context.Background()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "BOOTTEST_ROOT="+unbootable(t), "BOOTTEST_TEMP="+temp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait := func(what string, there bool) {
		t.Helper()
		for range 600 {
			if (processOf(temp) != "") == there {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Error(what)
	}
	wait("no machine started", true)
	cmd.Process.Kill()
	cmd.Wait()
	wait("the machine outlives its program", false)
}

func TestMistakes(t *testing.T) {
	here := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	disk := here("disk.raw", strings.Repeat("\x00", 1024))
	for path, m := range map[string]boottest.Machine{
		"Disk":        {},
		"Kernel":      {Root: "/", Kernel: disk},
		"Initrd":      {Disk: disk, Initrd: disk},
		"Kargs":       {Disk: disk, Kargs: []string{"quiet"}},
		"Writable":    {Root: "/", Writable: true},
		"Accel":       {Disk: disk, Accel: "xen"},
		"Forward[1]":  {Disk: disk, Forward: []int{22, 70000}},
		"Units":       {Disk: disk, Units: map[string]string{"app": ""}},
		"Credentials": {Disk: disk, Credentials: map[string][]byte{"a b": nil}},
		"SSHKey":      {Disk: disk, SSHKey: "-----BEGIN OPENSSH PRIVATE KEY-----"},
		"Firmware":    {Disk: disk, Firmware: "/nowhere/OVMF.fd"},
		"Root":        {Root: "/nowhere"},
	} {
		_, err := m.Boot(t.Context())
		f, ok := errors.AsType[*bootc.FieldError](err)
		if !ok || f.Path != path {
			t.Errorf("%s: error %v", path, err)
		}
	}
	if _, err := (boottest.Machine{Disk: disk + ".gone", Image: bootc.Image{Location: "oci:/x"}, Accel: "xen"}).Boot(t.Context()); strings.Count(fmt.Sprint(err), "\n") != 2 {
		t.Errorf("not every mistake at once: %v", err)
	}
	testkit.NeedTool(t, "qemu-system-x86_64")
	for says, m := range map[string]boottest.Machine{
		"is compressed":        {Disk: here("disk.gz", "\x1f\x8b3456789")},
		"is no disk":           {Disk: here("empty", "")},
		"at most":              {Disk: disk, Credentials: map[string][]byte{"big": make([]byte, 50_000)}},
		"is taken by the boot": {Disk: disk, Credentials: map[string][]byte{"bootloom.boottest.agent": nil}},
	} {
		if _, err := m.Boot(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
	if boottest.HasKVM() {
		return
	}
	if err := (boottest.Machine{Disk: disk, Accel: "kvm"}).Preflight(); !errors.Is(err, boottest.ErrPreflight) || !strings.Contains(err.Error(), "KVM") {
		t.Errorf("error %v", err)
	}
}
