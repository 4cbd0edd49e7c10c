package boottest

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/child"
	"github.com/bootloom/bootloom/internal/tree"
	"github.com/bootloom/bootloom/internal/unpack"
)

// prepare makes a disk of an OS image, and finds its kernel.
func (v *VM) prepare(ctx context.Context) error {
	m := &v.machine
	if m.Disk != "" {
		return nil
	}
	root := m.Root
	if m.Image.Location != "" {
		root = filepath.Join(v.dir, "root")
		if err := m.unpack(ctx, root); err != nil {
			return fmt.Errorf("unpacking the image: %w", err)
		}
		defer os.RemoveAll(root) // the disk has it all
	}
	kernel, initrd, err := findKernel(root)
	if err != nil {
		return err
	}
	kargs, err := imageKargs(root)
	if err != nil {
		return err
	}
	m.Disk = filepath.Join(v.dir, "disk")
	if err := makeDisk(ctx, m.Disk, root); err != nil {
		return err
	}
	if m.Kernel, err = v.keep("kernel", kernel); err != nil {
		return err
	}
	if m.Initrd, err = v.keep("initrd", initrd); err != nil {
		return err
	}
	m.Kargs = append(append([]string{"root=/dev/vda", "rw"}, kargs...), m.Kargs...)
	return nil
}

// keep copies a file of the image to where it stays as long as the machine.
func (v *VM) keep(name, from string) (string, error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	to := filepath.Join(v.dir, name)
	out, err := os.Create(to)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	return to, errors.Join(err, out.Close())
}

// unpack fetches the layers of the image one after the other, to a directory.
func (m Machine) unpack(ctx context.Context, dir string) error {
	r, err := m.Registry.Open(ctx, m.Image, "linux/amd64")
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for i, l := range r.Layers {
		in, err := r.Layer(ctx, i)
		if err != nil {
			return err
		}
		err = unpackLayer(root, in)
		if err := errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("layer %s: %w", l.Digest, err)
		}
	}
	return nil
}

func unpackLayer(root *os.Root, in io.Reader) error {
	z, err := tree.Decompress(in)
	if err != nil {
		return err
	}
	defer z.Close()
	if err := unpack.Layer(root, tar.NewReader(z)); err != nil {
		return err
	}
	for _, rest := range []io.Reader{z, in} { // tar stops at its mark, and the digest is compared at the very end
		if _, err := io.Copy(io.Discard, rest); err != nil {
			return err
		}
	}
	return nil
}

// findKernel finds what a bootable image has in one place (bootc: "Bootable containers", Kernel).
func findKernel(root string) (kernel, initrd string, err error) {
	found, err := filepath.Glob(filepath.Join(root, "usr/lib/modules/*/vmlinuz"))
	if err != nil || len(found) != 1 {
		return "", "", fmt.Errorf("%s/usr/lib/modules has %d kernels, want one", root, len(found))
	}
	initrd = filepath.Join(filepath.Dir(found[0]), "initramfs.img")
	_, err = os.Stat(initrd)
	return found[0], initrd, err
}

// imageKargs are the kernel arguments that an image brings for amd64 (bootc: kargs.d).
func imageKargs(root string) (all []string, err error) {
	files, err := filepath.Glob(filepath.Join(root, "usr/lib/bootc/kargs.d/*.toml"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		var drop struct {
			Kargs  []string `toml:"kargs"`
			Arches []string `toml:"match-architectures"`
		}
		if _, err := toml.DecodeFile(file, &drop); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimPrefix(file, root), err)
		}
		if len(drop.Arches) == 0 || strings.Contains(strings.Join(drop.Arches, " "), "x86_64") {
			all = append(all, drop.Kargs...)
		}
	}
	return all, nil
}

// makeDisk makes an ext4 disk of a directory, with half as much again and 200 MB to spare.
func makeDisk(ctx context.Context, disk, root string) error {
	var used int64
	err := filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			used += (info.Size()+4095)/4096*4096 + 512
		}
		return err
	})
	if err != nil {
		return err
	}
	mkfs, err := lookTool("mkfs.ext4")
	if err != nil {
		return err
	}
	var out strings.Builder
	cmd := exec.Command(mkfs, "-q", "-F", "-L", "root", "-E", "root_owner=0:0", "-d", root, disk, fmt.Sprint(used>>20*3/2+200, "M"))
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := child.Start(cmd)
	if err == nil {
		err = p.Wait(ctx)
	}
	if err != nil {
		return &bootc.OpError{Op: "mkfs.ext4", Ref: root, Err: fmt.Errorf("%w: %s", err, out.String())}
	}
	return nil
}
