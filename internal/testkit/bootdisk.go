package testkit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// NeedBootDisk is [Need] for what [BootDisk] needs.
func NeedBootDisk(t testing.TB) {
	t.Helper()
	NeedRoot(t) // only root can copy a root file system with its owners
	NeedTool(t, "mkfs.ext4", "sfdisk", "du", "mformat", "grub-mkimage")
	for target, pkg := range map[string]string{"i386-pc": "grub-pc-bin", "x86_64-efi": "grub-efi-amd64-bin"} {
		_, err := os.Stat(filepath.Join(grubDir, target))
		Need(t, pkg+" (run hack/setup.sh)", err == nil)
	}
}

const (
	grubDir = "/usr/lib/grub"
	sector  = 512
	mib     = 1 << 20
	espSize = 16 // MiB
)

// The first two partitions, in sectors: one for GRUB's image under a BIOS, as large as that may get, and the root.
const grubStart, rootStart = 2048, 4096

// grubModules are those that GRUB needs to start a kernel from a GPT and ext4, beside those for the firmware.
var grubModules = strings.Fields("part_gpt ext2 linux serial terminal echo boot")

// BootDisk makes a raw disk at path that starts by itself, under a BIOS and under UEFI: a GPT, GRUB, and an ext4 partition
// with the root file system of an image, whose own kernel and initramfs are booted from it. kargs are added to the kernel's
// arguments. It is what an image builder makes, without ostree: nothing is mounted, and the kernel of this machine need know
// neither GPT nor FAT.
func BootDisk(ctx context.Context, path, root string, kargs ...string) error {
	kernels, err := filepath.Glob(filepath.Join(root, "usr/lib/modules/*/vmlinuz"))
	if err != nil || len(kernels) != 1 {
		return fmt.Errorf("%s/usr/lib/modules has %d kernels, want one", root, len(kernels))
	}
	dir, err := os.MkdirTemp("", "testkit-grub-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	config := filepath.Join(dir, "early.cfg")
	err = os.WriteFile(config, fmt.Appendf(nil, `serial --unit=0 --speed=115200
terminal_output serial
echo GRUB of the test kit
linux (hd0,gpt2)%s/vmlinuz root=/dev/vda2 rw console=ttyS0 systemd.firstboot=off panic=-1 %s
initrd (hd0,gpt2)%[1]s/initramfs.img
boot
`, strings.TrimPrefix(filepath.Dir(kernels[0]), root), strings.Join(kargs, " ")), 0o600)
	if err != nil {
		return err
	}
	d := disk{ctx: ctx, path: path}
	out := d.tool("du", "", "-sxm", root)
	used, err := strconv.Atoi(strings.Fields(out + " 0")[0])
	d.err = errors.Join(d.err, err)
	size := used + used/2 + 200 // MiB
	esp := rootStart + size*mib/sector
	d.create(int64(size+espSize+4) * mib)
	// GRUB 2.06 does not read file systems with the first of these features, and both are on by default.
	d.tool("mkfs.ext4", "", "-q", "-F", "-L", "root", "-O", "^metadata_csum_seed,^orphan_file",
		"-E", fmt.Sprintf("root_owner=0:0,offset=%d", rootStart*sector), "-d", root, path, fmt.Sprint(size, "M"))
	d.tool("sfdisk", fmt.Sprintf("label: gpt\nstart=%d, size=%d, type=21686148-6449-6E6F-744E-656564454649\n"+ // BIOS boot
		"start=%d, size=%d, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root\nstart=%d, size=%d, type=U\n",
		grubStart, rootStart-grubStart, rootStart, size*mib/sector, esp, espSize*mib/sector), "-q", path)
	d.installBIOS(dir, config)
	d.installUEFI(dir, config, esp)
	return d.err
}

// disk is a disk in the making. After an error nothing more is done.
type disk struct {
	ctx  context.Context
	path string
	err  error
}

func (d *disk) tool(name, stdin string, args ...string) string {
	if d.err != nil {
		return ""
	}
	program, err := lookTool(name)
	if err != nil {
		d.err = err
		return ""
	}
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out string
	out, d.err = run(d.ctx, name, cmd)
	return out
}

func (d *disk) create(size int64) {
	if d.err != nil {
		return
	}
	f, err := os.Create(d.path)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Close())
	}
	d.err = err
}

// grub makes GRUB's image for a kind of firmware.
func (d *disk) grub(target, config, image string, modules ...string) {
	d.tool("grub-mkimage", "", append(append([]string{"-d", filepath.Join(grubDir, target), "-O", target, "-p", "(hd0,gpt2)/boot/grub",
		"-c", config, "-o", image}, grubModules...), modules...)...)
}

// installBIOS does what grub-bios-setup does, on a file: it puts GRUB's image into the first partition, tells the boot
// sector where that is, and the image where the rest of itself is (grub-core/boot/i386/pc/boot.S and diskboot.S).
func (d *disk) installBIOS(dir, config string) {
	image := filepath.Join(dir, "core.img")
	d.grub("i386-pc", config, image, "biosdisk")
	if d.err != nil {
		return
	}
	boot, err := os.ReadFile(filepath.Join(grubDir, "i386-pc", "boot.img"))
	core, err2 := os.ReadFile(image)
	if d.err = errors.Join(err, err2); d.err != nil {
		return
	}
	if len(core) > (rootStart-grubStart)*sector {
		d.err = fmt.Errorf("GRUB's image has %d bytes, too many for its partition", len(core))
		return
	}
	binary.LittleEndian.PutUint64(boot[0x5c:], grubStart)              // kernel_sector
	binary.LittleEndian.PutUint64(core[sector-12:sector], grubStart+1) // the block list behind the first sector
	f, err := os.OpenFile(d.path, os.O_WRONLY, 0)
	if err != nil {
		d.err = err
		return
	}
	_, err = f.WriteAt(boot[:440], 0) // what comes after is the partition table's
	_, err2 = io.NewOffsetWriter(f, grubStart*sector).Write(core)
	d.err = errors.Join(err, err2, f.Close())
}

// installUEFI makes the file system that the firmware reads, at a sector, with GRUB where it looks for one.
func (d *disk) installUEFI(dir, config string, start int) {
	image, at := filepath.Join(dir, "BOOTX64.EFI"), fmt.Sprintf("%s@@%d", d.path, start*sector)
	d.grub("x86_64-efi", config, image)
	d.tool("mformat", "", "-i", at, "-T", fmt.Sprint(espSize*mib/sector), "-v", "ESP", "::")
	d.tool("mmd", "", "-i", at, "::/EFI", "::/EFI/BOOT")
	d.tool("mcopy", "", "-i", at, image, "::/EFI/BOOT/BOOTX64.EFI")
}
