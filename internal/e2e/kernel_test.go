package e2e

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

// deb makes a package of files. fields are lines of its control file.
func deb(t testing.TB, name, fields string, files map[string]string) bootc.PackageFile {
	t.Helper()
	testkit.NeedTool(t, "dpkg-deb")
	root := t.TempDir()
	files["/DEBIAN/control"] = fmt.Sprintf("Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: e2e <e2e@example.com>\nDescription: test\n%s", name, fields)
	for path, text := range files {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), name+".deb")
	if text, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", root, out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return bootc.PackageFile{Name: name + ".deb", Content: bootc.Bytes(data)}
}

// TestSecondKernelByWeakDependency is what happened to an image with firewalld, whose recommended package brought a debug
// kernel: bootc install fails on it. The build does.
func TestSecondKernelByWeakDependency(t *testing.T) {
	t.Parallel()
	kernel := deb(t, "kernel-debug", "", map[string]string{"/usr/lib/modules/9.9-debug/vmlinuz": "kernel"})
	other := deb(t, "kernel-other", "", map[string]string{"/boot/vmlinuz-9.9-other": "kernel"}) // as Debian's
	for _, f := range []bootc.PackageFile{kernel, other} {
		refused(t, bootc.APT, from(t).With(noMirror, bootc.Packages{Files: []bootc.PackageFile{f}}),
			"brought a second kernel", "9.9-", kernelOf(t), "NoWeakDeps", "Features[1].Packages")
	}
}

// TestInitramfsFollowsPackages makes the initramfs anew exactly if a package changed what dracut copies.
func TestInitramfsFollowsPackages(t *testing.T) {
	t.Parallel()
	img := "usr/lib/modules/" + kernelOf(t) + "/initramfs.img"
	for name, c := range map[string]struct {
		file   string
		change bool
	}{
		"modprobe": {"/usr/lib/modprobe.d/vendor.conf", true},
		"dracut":   {"/usr/lib/dracut/modules.d/99vendor/module-setup.sh", true},
		"other":    {"/usr/lib/sysctl.d/vendor.conf", false},
		"module":   {"/usr/lib/modules/" + kernelOf(t) + "/extra/vendor.txt", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := deb(t, "vendor", "", map[string]string{c.file: "# vendor\n"})
			b := build(t, bootc.APT, from(t).With(noMirror, bootc.Packages{Files: []bootc.PackageFile{f}}))
			if _, changed := b.files[img]; changed != c.change {
				t.Errorf("the initramfs is new: %t", changed)
			}
			if _, ok := b.files[strings.TrimPrefix(c.file, "/")]; !ok {
				t.Errorf("%s is not there", c.file)
			}
		})
	}
}

// TestInitramfsReproducible makes the same initramfs twice.
func TestInitramfsReproducible(t *testing.T) {
	t.Parallel()
	s := from(t).DropIn("/usr/lib/modprobe.d/acme.conf", "options loop max_loop=16\n").File("/etc/modprobe.d/site.conf", "")
	one := build(t, bootc.APT, s)
	two, err := try(t, engine(t), bootc.APT, s, bootc.BuildOptions{NoCache: true})
	if err != nil {
		t.Fatal(err)
	}
	if one.Digest != two.Digest {
		t.Errorf("digests %s and %s", one.Digest, two.Digest)
	}
	if names := one.names(); len(names) != 3 { // the initramfs and the two files
		t.Errorf("the layers have %q", names)
	}
}

// TestInitramfsRefused are wishes that dracut passes over.
func TestInitramfsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		feature bootc.Feature
		says    string
	}{
		"module of dracut": {bootc.Initramfs{Add: []string{"nosuch"}}, "nosuch"},
		"file":             {bootc.Initramfs{Files: []string{"/usr/lib/nosuch"}}, "/usr/lib/nosuch is not in the initramfs"},
		"kernel module":    {bootc.KernelModule{Name: "nosuch", Initramfs: true}, "nosuch"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, bootc.APT, from(t).With(c.feature), c.says, "Features[0].") })
	}
}

// TestCustomKernelHasInitramfs is what a user of bootc met: the kernel was replaced in a Containerfile, and the device
// did not boot for want of an initramfs. Here it boots, with a driver that is built for the new kernel.
func TestCustomKernelHasInitramfs(t *testing.T) {
	t.Parallel()
	testkit.NeedVM(t)
	version := strings.Replace(kernelOf(t), "cloud-amd64", "amd64", 1)
	s := from(t).With(
		bootc.Kernel{Version: version, Packages: []string{"linux-image-" + version}},
		bootc.Packages{NoWeakDeps: true},
		driver(t), bootc.KernelModule{Name: "acme_edge", Load: true},
	)
	b, layout := buildLayout(t, s, nil)
	for name := range b.files {
		if strings.HasPrefix(name, "boot/") && name != "boot/" {
			t.Errorf("%s is in /boot, which is bootc's", name)
		}
	}
	out, _ := boot(t, layout, `
uname -r
ls /usr/lib/modules
ls /boot
lsinitrd --mod /usr/lib/modules/*/initramfs.img | grep -x ostree
grep -o '^acme_edge' /proc/modules
dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' 'linux-image-*' | grep ' ii '
`)
	if want := version + "\n" + version + "\nostree\nacme_edge\nlinux-image-" + version + " ii \n"; out != want {
		t.Errorf("the machine says\n%s, want\n%s", out, want)
	}

	refused(t, bootc.APT, from(t).With(bootc.Kernel{Version: "9.9-other", Files: []bootc.PackageFile{deb(t, "kernel-other", "", map[string]string{"/boot/vmlinuz-9.8-other": ""})}}, noMirror),
		"were to bring the kernel 9.9-other", "Features[0].Kernel")
}

//go:embed kernelrpms.sh
var kernelRPMs string

// TestKernelByDNF replaces a kernel that rpm knows, and builds for the new one with the headers of just that version.
func TestKernelByDNF(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, _, err := (testkit.Chroot{Root: testkit.Root(t, testkit.DNF)}).With("/out", dir).Run(t.Context(), "sh", "-c", kernelRPMs); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	s := from(t).With(
		bootc.Repo{ID: "kernels", BaseURL: []string{server.URL}, InsecureNoGPGCheck: true, BuildOnly: true},
		bootc.Script{Name: "the base's kernel", Phase: "repos", Body: "rm -r /usr/lib/modules/*\ndnf -y -q install kernel-core-8.8\ndepmod 8.8-1.noarch\n"},
		bootc.Kernel{Version: "9.9-1.noarch", Packages: []string{"kernel-core-9.9"}},
		bootc.Script{Name: "depmod", Phase: "kernel", Body: "depmod 9.9-1.noarch"}, // as the real package's script does
		bootc.Script{Name: "look", Body: "rpm -q kernel-core\nls /usr/lib/modules\n"},
	)
	b := build(t, bootc.DNF4, s)
	if log := b.log(); !strings.HasSuffix(log, "\nkernel-core-9.9-1.noarch\n9.9-1.noarch\n") {
		t.Errorf("the image does not have the new kernel alone:\n%s", log)
	}
	if _, ok := b.files["usr/lib/modules/9.9-1.noarch/initramfs.img"]; !ok {
		t.Error("the new kernel has no initramfs")
	}
	refused(t, bootc.DNF4, s.With(bootc.Driver{Name: "acme", Source: bootc.DriverSource{FS: fstest.MapFS{"Kbuild": {}}},
		Script: "[ \"$KDIR\" = /usr/src/kernels/9.9-1.noarch ]\nexit 3\n", Modules: []string{"acme"}}), "exit status 3", "Features[5].Driver")
}
