package bootc

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// moduleInfo is what the file of a kernel module says of itself, as modinfo(8) shows it. Its source is the ELF section
// .modinfo, which has key=value strings that end in zero bytes (MODULE_INFO in the kernel's include/linux/module.h).
type moduleInfo struct {
	name     string
	vermagic string   // "6.12.0-55.el10.x86_64 SMP preempt mod_unload modversions"
	parms    []string // the names of its parameters
	machine  elf.Machine
	ext      string // that the file needs: .ko, .ko.gz, .ko.xz or .ko.zst
	signed   bool
}

// moduleLimit is how large a module may be unpacked. The largest of which anybody knows have a tenth of it.
const moduleLimit = 1 << 30

// signatureMark ends a signed module (kernel: Documentation/admin-guide/module-signing.rst).
const signatureMark = "~Module signature appended~\n"

// packers are the compressions that kernels and kmod read.
var packers = []struct {
	magic, ext string
	open       func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", ".ko.gz", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"\xfd7zXZ\x00", ".ko.xz", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) }},
	{"\x28\xb5\x2f\xfd", ".ko.zst", func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(moduleLimit))
	}},
}

// readModule reads a module, compressed or not.
func readModule(c Content) (*moduleInfo, error) {
	data, err := c.ReadAll()
	if err != nil {
		return nil, err
	}
	m := &moduleInfo{ext: ".ko"}
	for _, p := range packers {
		if !bytes.HasPrefix(data, []byte(p.magic)) {
			continue
		}
		m.ext = p.ext
		if data, err = unpacked(data, p.open); err != nil {
			return nil, fmt.Errorf("is compressed (%s) and cannot be unpacked: %w", p.ext, err)
		}
		break
	}
	return m, m.readELF(data)
}

func unpacked(data []byte, open func(io.Reader) (io.Reader, error)) ([]byte, error) {
	r, err := open(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if d, ok := r.(*zstd.Decoder); ok {
		defer d.Close()
	}
	out, err := io.ReadAll(io.LimitReader(r, moduleLimit+1))
	if err == nil && len(out) > moduleLimit {
		err = errors.New("it has more than 1 GiB")
	}
	return out, err
}

// readELF fills m from the unpacked file.
func (m *moduleInfo) readELF(data []byte) error {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("is no ELF file, as kernel modules are: %w", err)
	}
	section := f.Section(".modinfo")
	if f.Type != elf.ET_REL || section == nil {
		return errors.New("is an ELF file, but no kernel module: it has no section .modinfo or is linked")
	}
	text, err := section.Data()
	if err != nil {
		return fmt.Errorf("its section .modinfo cannot be read: %w", err)
	}
	m.machine, m.signed = f.Machine, bytes.HasSuffix(data, []byte(signatureMark))
	for entry := range strings.SplitSeq(string(text), "\x00") {
		key, value, _ := strings.Cut(entry, "=")
		switch key {
		case "name":
			m.name = value
		case "vermagic":
			m.vermagic = value
		case "parm", "parmtype": // a parameter may have only one of them
			name, _, _ := strings.Cut(value, ":")
			m.parms = union(m.parms, []string{name})
		}
	}
	if m.name == "" || m.release() == "" {
		return errors.New("does not say its name and the kernel that it was built for (name= and vermagic= in .modinfo)")
	}
	return nil
}

// release is the version of the kernel that the module was built for.
func (m moduleInfo) release() string {
	release, _, _ := strings.Cut(m.vermagic, " ")
	return release
}

// modversions says that the module has checksums of the kernel's symbols, which the kernel compares in place of the
// version.
func (m moduleInfo) modversions() bool {
	return slices.Contains(strings.Fields(m.vermagic), "modversions")
}

// machines are the architectures of OCI platforms as ELF files name them.
var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "386": elf.EM_386, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "loong64": elf.EM_LOONGARCH,
	"ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
}

// fits says why the module cannot be loaded by a kernel of this version and platform; either may be unknown.
func (m moduleInfo) fits(kernel, platform string, kabi bool) error {
	_, arch, _ := strings.Cut(platform, "/")
	arch, _, _ = strings.Cut(arch, "/")
	if want, ok := machines[arch]; ok && m.machine != want {
		return fmt.Errorf("is built for the machine %s, and the image is for %s", strings.TrimPrefix(m.machine.String(), "EM_"), platform)
	}
	switch {
	case kabi && !m.modversions():
		return fmt.Errorf("has no symbol versions (modversions in its vermagic %q), so that only the kernel %s can load it", m.vermagic, m.release())
	case !kabi && kernel != "" && m.release() != kernel:
		return fmt.Errorf("is built for the kernel %s, and the image has %s: build it for that one, as a Driver does", m.release(), kernel)
	}
	return nil
}
