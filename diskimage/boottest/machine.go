package boottest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// Machine says what to boot and with what. One of Disk, Image and Root is set.
type Machine struct {
	// Disk is a disk image, raw or of a format that QEMU knows by its first bytes (qcow2, vmdk, vhd). Its boot loader starts
	// it, unless there is a Kernel.
	Disk string
	// Image is an OS image, of which Location will do: docker://REFERENCE, oci:DIR[:NAME] or oci-archive:FILE[:NAME]. It
	// takes root, since files have owners.
	Image bootc.Image
	// Registry is how Image is fetched, if it has to be.
	Registry registry.Client
	// Root is the root file system of an OS image as a directory. It is copied.
	Root string

	// Kernel and Initrd are files to boot Disk with, in place of its boot loader; Kargs needs its root= then, the disk
	// being /dev/vda. Image and Root bring their own.
	Kernel, Initrd string
	// Kargs are added to the kernel's arguments. They need Image, Root or Kernel: a boot loader has its own.
	Kargs []string
	// Firmware is a UEFI firmware, such as /usr/share/ovmf/OVMF.fd; empty for the BIOS that QEMU brings.
	Firmware string

	// SSHKey is a line for root's authorized_keys. It needs an sshd in the image, and a network.
	SSHKey string
	// Units are added to the system and started with multi-user.target, by their names.
	Units map[string]string
	// Credentials are system credentials, by their names.
	Credentials map[string][]byte
	// CloudInit is a directory with user-data and meta-data for cloud-init, which the machine gets as a disk of the label
	// CIDATA (its datasource NoCloud).
	CloudInit string
	// Network gives the machine a network in which 10.0.2.2 is the loopback interface of this host. Configuring the
	// interface is the image's business, or that of Run.
	Network bool
	// Forward are TCP ports of the machine that this host can reach, at VM.Addr. They imply Network.
	Forward []int

	// Memory in MiB and CPUs; 0 for 1024 and 1.
	Memory, CPUs int
	// Accel is "kvm", "tcg" for emulation, or empty for KVM where it works.
	Accel string
	// Writable keeps in Disk what the machine writes.
	Writable bool
	// Timeout for the whole life of the machine; 0 for 10 minutes.
	Timeout time.Duration
	// TempDir holds the disk of Image and Root, and what a machine writes that is thrown away; empty for os.TempDir().
	TempDir string
	// OnEvent is told each line of the serial console, as a log event of the Op "boot". The calls are serial; nil is silence.
	OnEvent func(bootc.Event)
}

// check finds every mistake before anything is done.
func (m Machine) check() error {
	var errs []error
	add := func(path, format string, args ...any) { errs = append(errs, bootc.Errorf(path, format, args...)) }
	set := 0
	for _, is := range []bool{m.Disk != "", m.Image.Location != "", m.Root != ""} {
		if is {
			set++
		}
	}
	if set != 1 {
		add("Disk", "set one of Disk, Image (its Location) and Root, not %d", set)
	}
	for _, f := range []struct{ path, name string }{{"Disk", m.Disk}, {"Root", m.Root}, {"Kernel", m.Kernel}, {"Initrd", m.Initrd}, {"Firmware", m.Firmware}, {"CloudInit", m.CloudInit}} {
		if f.name == "" {
			continue
		}
		if _, err := os.Stat(f.name); err != nil {
			add(f.path, "%w", err)
		}
		if strings.Contains(f.name, ",") {
			add(f.path, "%q: QEMU cannot take a comma in a name", f.name)
		}
	}
	switch {
	case m.Kernel != "" && m.Disk == "":
		add("Kernel", "is for a Disk: Image and Root bring their own")
	case m.Initrd != "" && m.Kernel == "":
		add("Initrd", "needs Kernel")
	case m.Kernel == "" && m.Disk != "" && len(m.Kargs) > 0:
		add("Kargs", "the disk's boot loader has its own: set Kernel to boot without it")
	}
	if m.Writable && m.Disk == "" {
		add("Writable", "is for a Disk")
	}
	if !slices.Contains([]string{"", "kvm", "tcg"}, m.Accel) {
		add("Accel", "%q: want kvm or tcg", m.Accel)
	}
	for i, p := range m.Forward {
		if p <= 0 || p > 65535 {
			add(fmt.Sprintf("Forward[%d]", i), "%d is not a port", p)
		}
	}
	for name := range m.Units {
		if strings.ContainsAny(name, "/= ,") || !strings.Contains(name, ".") {
			add("Units", "%q is not the name of a unit", name)
		}
	}
	for name := range m.Credentials {
		if name == "" || strings.ContainsAny(name, "/= ,:") {
			add("Credentials", "%q is not the name of a credential", name)
		}
	}
	if strings.Contains(m.SSHKey, "PRIVATE KEY") {
		add("SSHKey", "is a private key: want the line of the public one")
	}
	return errors.Join(errs...)
}

// ErrPreflight is in the chain of the error about a host that cannot run machines.
var ErrPreflight = errors.New("this host cannot boot machines")

// Preflight says what a host lacks to boot m, and what to do.
func (m Machine) Preflight() error {
	var missing []string
	tools := map[string]string{"qemu-system-x86_64": "install QEMU (Debian: qemu-system-x86, Fedora: qemu-system-x86-core)"}
	if m.Disk == "" {
		tools["mkfs.ext4"] = "install e2fsprogs"
		if os.Geteuid() != 0 {
			missing = append(missing, "run as root: the files of an OS image have owners")
		}
	}
	for tool, what := range tools {
		if _, err := lookTool(tool); err != nil {
			missing = append(missing, tool+" is missing: "+what)
		}
	}
	if m.Accel == "kvm" && !hasKVM() {
		missing = append(missing, "no KVM: this processor shows neither vmx nor svm, or /dev/kvm cannot be opened; leave Accel empty for emulation")
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("%w: %s", ErrPreflight, strings.Join(missing, "; "))
}

// lookTool finds a program, also in the directories that the PATH of an ordinary user lacks on Debian.
func lookTool(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if err == nil {
			break
		}
		path, err = exec.LookPath(filepath.Join(dir, name))
	}
	return path, err
}

// hasKVM says whether KVM can run a kernel as it is. There are hosts with a /dev/kvm that can only run ones made for it.
func hasKVM() bool {
	if runtime.GOARCH != "amd64" {
		return false
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return false
	}
	flags := strings.Fields(string(info))
	if !slices.Contains(flags, "vmx") && !slices.Contains(flags, "svm") {
		return false
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	f.Close()
	return true
}
