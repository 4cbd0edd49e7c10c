package bootc_test

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
)

// module is an ELF file with what a kernel module says of itself.
func module(machine elf.Machine, info ...string) []byte {
	text := []byte(strings.Join(info, "\x00") + "\x00")
	names := []byte("\x00.modinfo\x00.shstrtab\x00")
	const header, section = 64, 64
	at := uint64(header)
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	put(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_REL), Machine: uint16(machine), Version: 1,
		Shoff: at + uint64(len(text)+len(names)), Ehsize: header, Shentsize: section, Shnum: 3, Shstrndx: 2,
	})
	b.Write(text)
	b.Write(names)
	put(elf.Section64{})
	put(elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: at, Size: uint64(len(text)), Addralign: 1})
	put(elf.Section64{Name: 10, Type: uint32(elf.SHT_STRTAB), Off: at + uint64(len(text)), Size: uint64(len(names)), Addralign: 1})
	return b.Bytes()
}

const (
	rhel10 = "6.12.0-55.el10.x86_64"
	magic  = "vermagic=" + rhel10 + " SMP preempt mod_unload modversions "
)

// acme is a module of a parameter.
var acme = module(elf.EM_X86_64, "license=GPL", "parm=debug:How much is said", "parmtype=debug:int", "depends=", "name=acme", magic)

func compressed(t testing.TB, data []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{".ko": data}
	for ext, open := range map[string]func(io.Writer) (io.WriteCloser, error){
		".ko.gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		".ko.xz":  func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		".ko.zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	} {
		var b bytes.Buffer
		w, err := open(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		out[ext] = b.Bytes()
	}
	return out
}

// TestKernelModuleFile puts modules of every compression where depmod finds them, for a kernel that is known and for one
// that is the module's own.
func TestKernelModuleFile(t *testing.T) {
	for ext, data := range compressed(t, acme) {
		for _, kernel := range []string{"", rhel10} {
			plan, err := bootc.From("quay.io/a/b:1").With(bootc.KernelModule{Name: "acme", Content: bootc.Bytes(data), Options: []string{"debug=1"}}).
				Compile(bootc.Base{Kernel: kernel, Platform: "linux/amd64"})
			if err != nil {
				t.Fatal(err)
			}
			var paths []string
			for _, e := range plan.Archives[0].Entries {
				paths = append(paths, e.Path)
			}
			want := []string{"/usr/lib/modprobe.d/50-bootloom.conf", "/usr/lib/modules/" + rhel10 + "/updates/acme" + ext}
			if !slices.Equal(paths, want) {
				t.Errorf("%s, kernel %q: got %q, want %q", ext, kernel, paths, want)
			}
			if text := plan.Containerfile.String(); !strings.Contains(text, `[ "$k" != `+rhel10+" ]") || strings.Contains(text, "dracut") {
				t.Errorf("%s: the image's kernel is not looked at, or the initramfs is made anew:\n%s", ext, text)
			}
		}
	}
}

func TestKernelModuleRefused(t *testing.T) {
	compressed := compressed(t, acme)
	for name, c := range map[string]struct {
		module bootc.KernelModule
		base   bootc.Base
		want   string
	}{
		"another kernel":  {bootc.KernelModule{Name: "acme"}, bootc.Base{Kernel: "6.12.0-60.el10.x86_64"}, "Content: is built for the kernel " + rhel10 + ", and the image has 6.12.0-60.el10.x86_64"},
		"another machine": {bootc.KernelModule{Name: "acme"}, bootc.Base{Kernel: rhel10, Platform: "linux/arm64/v8"}, "Content: is built for the machine X86_64, and the image is for linux/arm64/v8"},
		"same interface":  {bootc.KernelModule{Name: "acme", KABI: true}, bootc.Base{Kernel: "6.12.0-60.el10.x86_64"}, ""},
		"no versions": {bootc.KernelModule{Name: "acme", KABI: true, Content: bootc.Bytes(module(elf.EM_X86_64, "name=acme", "vermagic=6.1 SMP mod_unload "))},
			bootc.Base{Kernel: "6.2"}, `Content: has no symbol versions (modversions in its vermagic "6.1 SMP mod_unload "), so that only the kernel 6.1 can load it`},
		"unknown kernel": {bootc.KernelModule{Name: "acme", KABI: true}, bootc.Base{}, "KABI: unknown fact about the base: its kernel"},
		"no kernel":      {bootc.KernelModule{Name: "acme"}, bootc.Base{Files: fstest.MapFS{}}, "Content: unknown fact about the base: its kernel"},
		"name":           {bootc.KernelModule{Name: "edge"}, bootc.Base{}, `Name: is "edge", and the module in Content says it is acme`},
		"parameter":      {bootc.KernelModule{Name: "acme", Options: []string{"debug=1", "dbug=1"}}, bootc.Base{}, "Options[1]: the module has no parameter dbug; it has debug"},
		"no module":      {bootc.KernelModule{Name: "acme", Content: bootc.Bytes(module(elf.EM_X86_64, "license=GPL"))}, bootc.Base{}, "Content: does not say its name and the kernel"},
		"linked":         {bootc.KernelModule{Name: "acme", Content: program(t)}, bootc.Base{}, "Content: is an ELF file, but no kernel module"},
		"damaged":        {bootc.KernelModule{Name: "acme", Content: bootc.Bytes(compressed[".ko.zst"][:20])}, bootc.Base{}, "Content: is compressed (.ko.zst) and cannot be unpacked"},
		"not there":      {bootc.KernelModule{Name: "acme", Content: bootc.FromFS(fstest.MapFS{}, "acme.ko")}, bootc.Base{}, "Content: open acme.ko: file does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			if n, err := c.module.Content.Size(); err == nil && n == 0 {
				c.module.Content = bootc.Bytes(acme)
			}
			_, err := bootc.From("quay.io/a/b:1").With(c.module).Compile(c.base)
			got := bootc.FieldErrors(err)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (len(got) != 1 || !strings.HasPrefix(err.Error(), "Features[0].KernelModule."+c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// program is an ELF file that is linked: this test.
func program(t testing.TB) bootc.Content {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return bootc.FromFS(os.DirFS(filepath.Dir(file)), filepath.Base(file))
}

// TestKernelModulesOfBase compares what is read with modinfo, for all modules of a real kernel.
func TestKernelModulesOfBase(t *testing.T) {
	root := testkit.Root(t, testkit.Debian)
	testkit.NeedTool(t, "modinfo")
	dirs, err := filepath.Glob(root + "/usr/lib/modules/*")
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	base := bootc.Base{Kernel: filepath.Base(dirs[0]), Platform: "linux/amd64"}
	spec := bootc.From("quay.io/a/b:1")
	var files []string
	err = filepath.WalkDir(dirs[0], func(name string, e fs.DirEntry, err error) error {
		if err == nil && strings.Contains(e.Name(), ".ko") {
			files = append(files, name)
		}
		return err
	})
	if err != nil || len(files) < 100 {
		t.Fatal(len(files), err)
	}
	list, err := exec.Command("modinfo", append([]string{"-F", "name"}, files...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(list))
	if len(names) != len(files) {
		t.Fatalf("modinfo names %d of %d modules", len(names), len(files))
	}
	for i, name := range names {
		spec = spec.With(bootc.KernelModule{Name: name, Content: bootc.FromFS(os.DirFS("/"), files[i][1:])})
	}
	if _, err := spec.Compile(base); err != nil {
		t.Error(err)
	}
	base.Kernel = "other"
	_, err = spec.Compile(base)
	if got := bootc.FieldErrors(err); len(got) != len(files) {
		t.Errorf("another kernel: %d errors for %d modules", len(got), len(files))
	}
}

// TestKernelFeatureOrder wants the same stages, steps and files from the same features in any order.
func TestKernelFeatureOrder(t *testing.T) {
	source := bootc.DriverSource{FS: fstest.MapFS{"Kbuild": {Data: []byte("obj-m := x.o\n")}}}
	features := []bootc.Feature{
		bootc.Kernel{Version: "6.12.1", Packages: []string{"kernel-core-6.12.1"}},
		bootc.Driver{Name: "b", Source: source, Modules: []string{"b"}},
		bootc.Driver{Name: "a", Source: source, Modules: []string{"a", "a_core"}},
		bootc.ModuleSigning{Key: "k", Certificate: signingCertificate},
		bootc.KernelModule{Name: "a", Load: true, Options: []string{"x=1"}},
		bootc.KernelModule{Name: "a", Initramfs: true, Options: []string{"a=1"}},
		bootc.KernelModule{Name: "nouveau", Blacklist: true},
		bootc.KernelModule{Name: "b43", Blacklist: true},
		bootc.KernelModule{Name: "z", Content: bootc.Bytes(module(elf.EM_X86_64, "name=z", "vermagic=6.12.1 SMP"))},
		bootc.KernelModule{Name: "y", Content: bootc.Bytes(module(elf.EM_X86_64, "name=y", "vermagic=6.12.1 SMP"))},
		bootc.Initramfs{Add: []string{"crypt"}, Files: []string{"/usr/bin/b", "/usr/bin/a"}},
		bootc.Initramfs{Add: []string{"bluetooth"}},
		bootc.Firmware{Name: "x", Content: bootc.Text("x"), Initramfs: true},
		bootc.DropIn{Path: "/usr/lib/modprobe.d/x.conf", Content: "blacklist x\n"},
		bootc.File{Path: "/etc/motd", Content: bootc.Text("x")},
	}
	want := ""
	for i := range 20 {
		plan, err := bootc.From("quay.io/a/b:1").With(features...).Compile(bootc.Base{Family: bootc.Fedora, Tool: bootc.DNF5})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, stage := range plan.Containerfile.Stages {
			fmt.Fprintln(&text, "FROM", stage.From, stage.Name)
			for _, step := range stage.Steps {
				if _, comment := step.(containerfile.Comment); !comment { // they name the features
					fmt.Fprintf(&text, "%+v\n", step)
				}
			}
		}
		for _, a := range plan.Archives {
			for _, e := range a.Entries {
				data, err := e.Content.ReadAll()
				fmt.Fprintf(&text, "%s %s %q %v\n", a.Name, e.Path, data, err)
			}
		}
		if want == "" {
			want = text.String()
		}
		if got := text.String(); got != want {
			t.Fatalf("order %d gives\n%s, not\n%s", i, got, want)
		}
		rand.Shuffle(len(features), func(i, j int) { features[i], features[j] = features[j], features[i] })
	}
}

// FuzzKernelModule gives anything for a module: an error of the field, or a module that says what was asked of it.
func FuzzKernelModule(f *testing.F) {
	for _, data := range compressed(f, acme) {
		f.Add(data)
	}
	f.Add(module(elf.EM_AARCH64, "name=acme", "vermagic=", "parm="))
	f.Add(acme[:70])
	f.Fuzz(func(t *testing.T, data []byte) {
		plan, err := bootc.From("quay.io/a/b:1").With(bootc.KernelModule{Name: "acme", Content: bootc.Bytes(data), Load: true}).
			Compile(bootc.Base{Kernel: rhel10, Platform: "linux/amd64"})
		if err != nil {
			for _, e := range bootc.FieldErrors(err) {
				if !strings.HasPrefix(e.Path, "Features[0].KernelModule.") {
					t.Errorf("path %q", e.Path)
				}
			}
			return
		}
		if len(data) > 0 && !strings.Contains(plan.Containerfile.String(), "depmod") {
			t.Error("the module is not placed")
		}
	})
}
