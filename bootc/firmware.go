package bootc

import "strings"

// Firmware is a file that a kernel module loads into its device, below /usr/lib/firmware. A whole directory of them is a
// Tree there.
type Firmware struct {
	// Name is the path below /usr/lib/firmware by which the module asks for it, such as "acme/fw-2.bin" ("modinfo -F
	// firmware" lists them). A file that is compressed with xz or zstd has .xz or .zst at the end.
	Name string
	// Content of the file.
	Content Content
	// Initramfs puts it into the initramfs as well, for a module that is in the base's initramfs. A KernelModule with
	// Initramfs takes its firmware along without being told.
	Initramfs bool `json:",omitzero"`
}

const firmwareDir = "/usr/lib/firmware"

func (f Firmware) path() string { return firmwareDir + "/" + f.Name }

// Contribute adds the file.
func (f Firmware) Contribute(d *Draft) error {
	var errs []error
	if !plainPath(f.path()) || f.Name == "" {
		errs = append(errs, Errorf("Name", "%q is not a clean path below %s, such as acme/fw-2.bin", f.Name, firmwareDir))
	}
	if strings.HasPrefix(f.path(), firmwareDir+firmwareDir) {
		errs = append(errs, Errorf("Name", "%s is not relative to %s", f.Name, firmwareDir))
	}
	if n, err := f.Content.Size(); err != nil {
		errs = append(errs, &FieldError{"Content", err})
	} else if n == 0 {
		errs = append(errs, Errorf("Content", "is empty"))
	}
	if err := join(errs); err != nil {
		return err
	}
	d.Put(PhaseKernel, Entry{Path: f.path(), Mode: 0o644, Content: f.Content})
	if f.Initramfs {
		d.initramfs = append(d.initramfs, intend(d, Initramfs{Files: []string{f.path()}}))
	}
	return nil
}
