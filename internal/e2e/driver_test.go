package e2e

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/ulikunitz/xz"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

//go:embed testdata/driver
var driverFiles embed.FS

// driver is the driver of the tests, built from files.
func driver(t testing.TB) bootc.Driver {
	t.Helper()
	src, err := fs.Sub(driverFiles, "testdata/driver")
	if err != nil {
		t.Fatal(err)
	}
	return bootc.Driver{Name: "acme", Source: bootc.DriverSource{FS: src}, Dir: "src", Modules: []string{"acme-edge"}}
}

// headers are features that let a driver build without the mirror: a repository of the headers that belong to the base.
func headers(t testing.TB) []bootc.Feature {
	t.Helper()
	dir := testkit.HeadersRepo(t)
	headersURL.once.Do(func() { // one address for all tests, so that the stage with the headers is made once
		headersURL.value = httptest.NewServer(http.FileServer(http.Dir(dir))).URL
	})
	return []bootc.Feature{noMirror, bootc.Repo{ID: "headers", BaseURL: []string{headersURL.value}, Suites: []string{"./"}, InsecureNoGPGCheck: true, BuildOnly: true}}
}

var headersURL struct {
	once  sync.Once
	value string
}

// kernelOf is the version of the base's kernel.
func kernelOf(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(testkit.Root(t, testkit.DNF), "usr/lib/modules/*"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return filepath.Base(found[0])
}

// toolchain are files that only a build needs.
var toolchain = []string{"usr/bin/gcc", "usr/bin/make", "usr/bin/ld", "usr/bin/as", "usr/src/linux", "usr/libexec/gcc/", "usr/lib/gcc/", "bootloom/", "usr/lib/linux-kbuild"}

// TestDriver builds a module from source, and boots it: it is loaded by modules-load.d with its option, nothing of what it
// was built with is in the image, and the initramfs is the base's.
func TestDriver(t *testing.T) {
	t.Parallel()
	testkit.NeedVM(t)
	s := from(t).With(headers(t)...).With(driver(t), bootc.KernelModule{Name: "acme_edge", Load: true, Options: []string{"level=7"}}).BlacklistModules("erofs")
	b, layout := buildLayout(t, s, nil)
	modules := "usr/lib/modules/" + kernelOf(t)
	if got := b.files[modules+"/updates/acme-edge.ko.xz"].String(); got != "- 0644 0:0" {
		t.Errorf("the module is %q", got)
	}
	if _, ok := b.files[modules+"/initramfs.img"]; ok {
		t.Error("the initramfs is new, and nothing in it changed")
	}
	for name := range b.files {
		for _, tool := range toolchain {
			if strings.HasPrefix(name, tool) {
				t.Errorf("%s is in the image", name)
			}
		}
	}
	out, _ := boot(t, layout, `
grep '^acme_edge ' /proc/modules
cat /sys/module/acme_edge/parameters/level
dmesg | grep -o 'acme_edge: .*'
systemctl is-active systemd-modules-load.service
modprobe --use-blacklist erofs
echo "blacklisted: $(grep -c '^erofs ' /proc/modules)"
`)
	for _, want := range []string{"blacklisted: 0\n", "acme_edge 12288", "\n7\n", "acme_edge: hello at level 7\n", "\nactive\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("the machine does not say %q:\n%s", want, out)
		}
	}

	// What was built is a file that others can use as it is, but for no other kernel.
	ko := bootc.Bytes([]byte(b.files[modules+"/updates/acme-edge.ko.xz"].data))
	prebuilt := bootc.KernelModule{Name: "acme_edge", Content: ko, Options: []string{"level=7"}, Load: true}
	again := build(t, bootc.APT, from(t).With(prebuilt))
	same(t, "layers", again.names(modules+"/modules."), []string{modules + "/updates/acme_edge.ko.xz", "usr/lib/modprobe.d/50-bootloom.conf", "usr/lib/modules-load.d/50-bootloom.conf"})
	if dep := again.files[modules+"/modules.dep"].data; !strings.Contains(dep, "updates/acme_edge.ko.xz:") {
		t.Error("depmod does not know the module")
	}
	_, err := from(t).With(prebuilt).Compile(bootc.Base{Kernel: "6.1.0-1-amd64", Platform: "linux/amd64"})
	if err == nil || !strings.Contains(err.Error(), "Features[0].KernelModule.Content: is built for the kernel "+kernelOf(t)+", and the image has 6.1.0-1-amd64") {
		t.Error(err)
	}
	_, err = from(t).With(prebuilt).Compile(bootc.Base{Kernel: kernelOf(t), Platform: "linux/arm64"})
	if err == nil || !strings.Contains(err.Error(), "Features[0].KernelModule.Content: is built for the machine X86_64") {
		t.Error(err)
	}
}

// TestSignedDriverInInitramfs has a driver in the initramfs, signed with a key that is nowhere but in the step that signs.
func TestSignedDriverInInitramfs(t *testing.T) {
	t.Parallel()
	testkit.NeedVM(t)
	testkit.NeedTool(t, "openssl")
	key, cert := signingKey(t)
	const canary = "bootloom-canary-of-the-passphrase"
	secrets := map[string]bootc.SecretValue{"module-key": bootc.SecretBytes(key), "module-pass": bootc.SecretBytes([]byte(canary))}
	firmware := bytes.Repeat([]byte("firmware"), 100)
	d := driver(t)
	d.Script = "make -C \"$KDIR\" M=\"$PWD\" KCFLAGS='-DACME_GREETING=\\\"early\\\"' modules\nuname -r | grep -qxF \"$KVER\"\n"
	s := from(t).With(headers(t)...).With(
		d,
		bootc.KernelModule{Name: "acme_edge", Initramfs: true, Load: true},
		bootc.ModuleSigning{Key: "module-key", Passphrase: "module-pass", Certificate: cert},
		bootc.Firmware{Name: "acme/edge.bin", Content: bootc.Bytes(firmware), Initramfs: true},
		bootc.Initramfs{Add: []string{"debug"}},
	).DropIn("/usr/lib/dracut/dracut.conf.d/60-acme.conf", "install_items+=\" /etc/debian_version \"\n")
	b, layout := buildLayout(t, s, secrets)
	modules := "usr/lib/modules/" + kernelOf(t)
	if _, ok := b.files[modules+"/initramfs.img"]; !ok {
		t.Fatal("the initramfs is the base's")
	}
	out, _ := boot(t, layout, `
k=$(uname -r)
img=/usr/lib/modules/$k/initramfs.img
lsinitrd --mod $img | grep -x -e ostree -e debug
lsinitrd $img | awk '{print $9}' | grep -e acme -e debian_version -e prepare-root
modinfo -F signer acme_edge
modinfo -F sig_hashalgo acme_edge
dmesg | grep -e 'acme_edge:' -e 'Switching root' -e 'switch-root'
journalctl -b -o short-monotonic | grep -e 'acme_edge: early' -e 'Switching root' | head -2
openssl x509 -inform der -noout -subject -in /usr/share/bootloom/module-signing.der
`)
	for _, want := range []string{
		"ostree\n", "debug\n", modules + "/updates/acme-edge.ko.xz", "usr/lib/firmware/acme/edge.bin", "etc/debian_version",
		"usr/lib/ostree/ostree-prepare-root", "\nAcme modules\nsha256\n", "acme_edge: early at level 1", "subject=CN=Acme modules",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the machine does not say %q", want)
		}
	}
	if loaded, switched := strings.Index(out, "acme_edge: early"), strings.Index(out, "Switching root"); loaded < 0 || switched < 0 || loaded > switched {
		t.Error("the module is not loaded before the root is switched")
	}
	if t.Failed() {
		t.Log(out)
	}

	block, _ := pem.Decode(key)
	for _, secret := range []string{canary, string(block.Bytes[:64]), string(key[40:100])} {
		if found := grep(t, layout, secret); found != 0 {
			t.Errorf("a secret is in %d blobs", found)
		}
	}

	// Modules that nobody built here are signed as well, and those that are signed already are left alone.
	signed := bootc.KernelModule{Name: "acme_edge", Content: bootc.Bytes(unxz(t, b.files[modules+"/updates/acme-edge.ko.xz"].data))}
	kept := buildSecret(t, from(t).With(headers(t)...).With(signed, bootc.ModuleSigning{Key: "module-key", Passphrase: "module-pass", Certificate: cert}), secrets)
	if got := kept.files[modules+"/updates/acme_edge.ko"].data; !strings.HasSuffix(got, "~Module signature appended~\n") {
		t.Error("the module lost its signature")
	}
	unsigned := signed
	unsigned.Content = bootc.Bytes(withoutSignature(t, signed.Content))
	again := buildSecret(t, from(t).With(headers(t)...).With(unsigned, bootc.ModuleSigning{Key: "module-key", Passphrase: "module-pass", Certificate: cert, Hash: "sha512"}), secrets)
	if got := unxz(t, again.files[modules+"/updates/acme_edge.ko.xz"].data); !bytes.HasSuffix(got, []byte("~Module signature appended~\n")) {
		t.Error("the module has no signature")
	}
}

// signingKey makes an encrypted key and its certificate.
func signingKey(t testing.TB) (key []byte, cert string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-sha256", "-days", "36500", "-subj", "/CN=Acme modules/",
		"-passout", "pass:bootloom-canary-of-the-passphrase", "-keyout", "key.pem", "-out", "cert.pem")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	key, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem)
}

// buildLayout builds with apt, into a layout.
func buildLayout(t testing.TB, s bootc.Spec, secrets map[string]bootc.SecretValue) (built, string) {
	t.Helper()
	layout := filepath.Join(t.TempDir(), "layout")
	b, err := try(t, engine(t), bootc.APT, s, bootc.BuildOptions{Output: "oci:" + layout, Secrets: secrets})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log())
	}
	return b, layout
}

// boot boots an image and runs a script in it.
func boot(t testing.TB, layout, script string, kargs ...string) (out, serial string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	if err := testkit.UnpackImage(layout, root); err != nil {
		t.Fatal(err)
	}
	out, serial, err := testkit.VM{Root: root, Kargs: kargs}.Run(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	return out, serial
}

func buildSecret(t testing.TB, s bootc.Spec, secrets map[string]bootc.SecretValue) built {
	t.Helper()
	b, _ := buildLayout(t, s, secrets)
	return b
}

func unxz(t testing.TB, data string) []byte {
	t.Helper()
	r, err := xz.NewReader(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// withoutSignature cuts off what sign-file appended: the signature, twelve bytes of which the last four are its length, and
// the mark.
func withoutSignature(t testing.TB, c bootc.Content) []byte {
	t.Helper()
	data, err := c.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	end := len(data) - len("~Module signature appended~\n")
	return data[:end-12-int(binary.BigEndian.Uint32(data[end-4:end]))]
}

// TestDriverSources builds one driver from a commit and another from an archive, with headers that come as packages, and
// with headers that a stage has.
func TestDriverSources(t *testing.T) {
	t.Parallel()
	testkit.NeedTool(t, "git", "tar")
	src := filepath.Join(t.TempDir(), "acme-1.2")
	for name, text := range map[string]string{
		"Kbuild":      "obj-m := acme_core.o\n",
		"acme_core.c": "#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n",
	} {
		if err := os.MkdirAll(src, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	dir := t.TempDir()
	run("tar", "-C", filepath.Dir(src), "-czf", dir+"/acme-1.2.tar.gz", "acme-1.2")
	archive, err := os.ReadFile(dir + "/acme-1.2.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	run("git", "init", "-q", "-b", "main", src)
	edge := map[string]string{"Kbuild": "obj-m := acme_edge.o\n", "acme_edge.c": "#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n"}
	for name, text := range edge {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run("git", "-C", src, "add", ".")
	run("git", "-C", src, "commit", "-q", "-m", "driver")
	commit := run("git", "-C", src, "rev-parse", "HEAD")
	mux := http.NewServeMux()
	mux.Handle("/acme-1.2.tar.gz", http.FileServer(http.Dir(dir)))
	mux.Handle("/git/", &cgi.Handler{Path: filepath.Join(run("git", "--exec-path"), "git-http-backend"), Root: "/git",
		Env: []string{"GIT_PROJECT_ROOT=" + src, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}})
	server := httptest.NewServer(mux)
	defer server.Close()
	drivers := []bootc.Feature{
		bootc.Driver{Name: "archive", Source: bootc.DriverSource{URL: server.URL + "/acme-1.2.tar.gz", Checksum: fmt.Sprintf("sha256:%x", sha256.Sum256(archive))}, Dir: "acme-1.2", Modules: []string{"acme_core"}},
		bootc.Driver{Name: "commit", Source: bootc.DriverSource{Git: server.URL + "/git/.git", Commit: commit}, Modules: []string{"acme_edge"}},
	}

	var files bootc.KernelHeaders
	repo := testkit.HeadersRepo(t)
	debs, err := filepath.Glob(repo + "/linux-*.deb")
	if err != nil || len(debs) != 3 {
		t.Fatal(debs, err)
	}
	for i, d := range debs {
		files.Files = append(files.Files, bootc.PackageFile{Name: fmt.Sprintf("headers-%d.deb", i), Content: bootc.FromFS(os.DirFS("/"), d[1:])})
	}
	stage := bootc.Stage{Name: "kbuild", Scripts: []bootc.Script{{Name: "headers", Body: "apt-get -q update\napt-get -qy --no-install-recommends install linux-headers-" + kernelOf(t) + " make git\n"}},
		Copies: []bootc.StageCopy{{Source: "/etc/debian_version", Dest: "/usr/share/acme/built-on"}}}
	for name, features := range map[string][]bootc.Feature{
		"packages": append(headers(t), files),
		"stage":    {stage, bootc.KernelHeaders{From: "kbuild"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t, bootc.APT, from(t).With(features...).With(drivers...))
			updates := "usr/lib/modules/" + kernelOf(t) + "/updates/"
			ext := map[string]string{"packages": ".ko.xz", "stage": ".ko"}[name] // the stage has no xz
			for _, name := range []string{"acme_core", "acme_edge"} {
				if _, ok := b.files[updates+name+ext]; !ok {
					t.Errorf("%s is not there", name+ext)
				}
			}
			if _, ok := b.files["etc/apt/sources.list.d/headers.sources"]; ok {
				t.Error("the repository of the headers is in the image")
			}
		})
	}
}

// TestDriverRefused are builds that must fail, with what to do.
func TestDriverRefused(t *testing.T) {
	t.Parallel()
	files := func(text string, more ...string) bootc.DriverSource {
		fsys := fstest.MapFS{"Kbuild": {Data: []byte("obj-m := acme_edge.o\n")}, "acme_edge.c": {Data: []byte(text)}}
		for i := 0; i < len(more); i += 2 {
			fsys[more[i]] = &fstest.MapFile{Data: []byte(more[i+1])}
		}
		return bootc.DriverSource{FS: fsys}
	}
	const code = "#include <linux/module.h>\nMODULE_LICENSE(\"GPL\");\n"
	one := []string{"acme_edge"}
	for name, c := range map[string]struct {
		features []bootc.Feature
		says     []string
	}{
		"does not compile": {[]bootc.Feature{bootc.Driver{Name: "acme", Source: files("int f(void) { return nothing; }\n" + code), Modules: one}}, []string{"Features[2].Driver"}},
		"another name":     {[]bootc.Feature{bootc.Driver{Name: "acme", Source: files(code), Modules: []string{"acme_egde"}}}, []string{"the build made not one acme[_-]egde.ko", "Features[2].Driver"}},
		"another kernel":   {[]bootc.Feature{bootc.Driver{Name: "acme", Source: files(code), Script: "printf 'name=acme_edge\\0vermagic=6.1 SMP \\0' >info\nobjcopy -I binary -O elf64-x86-64 -B i386:x86-64 --rename-section .data=.modinfo info acme_edge.ko\n", Modules: one}}, []string{"is built for the kernel 6.1, and the image has " + kernelOf(t), "Features[2].Driver"}},
		"parameter":        {[]bootc.Feature{bootc.Driver{Name: "acme", Source: files(code), Modules: one}, bootc.KernelModule{Name: "acme_edge", Options: []string{"levle=1"}}}, []string{"the module acme_edge has no parameter levle"}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, bootc.APT, from(t).With(headers(t)...).With(c.features...), c.says...) })
	}
	t.Run("no headers", func(t *testing.T) {
		refused(t, bootc.APT, from(t).With(noMirror, bootc.Driver{Name: "acme", Source: files(code), Modules: one}),
			"the headers of the kernel "+kernelOf(t)+" cannot be installed", "KernelHeaders", "Features[1].Driver")
	})
}
