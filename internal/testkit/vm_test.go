package testkit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVM(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine, which takes half a minute; -short is set")
	}
	NeedVM(t)
	root := Root(t, Debian)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("from the host\n")) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())

	vm := VM{Root: root, Kargs: []string{"test.karg=here"}, Network: true}
	out, serial, err := vm.Run(t.Context(), `set -e
cat /proc/cmdline
systemctl is-active multi-user.target
mkdir -p /run/systemd/network
printf '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n' >/run/systemd/network/test.network
systemctl start systemd-networkd
/usr/lib/systemd/systemd-networkd-wait-online --interface=eth0 --timeout=60
/usr/lib/apt/apt-helper download-file http://10.0.2.2:`+port+`/ /run/got >&2
cat /run/got
echo to standard error >&2
exit 7
`)
	if err == nil || !strings.Contains(err.Error(), "ended with status 7") {
		t.Fatalf("the script's status got lost: %v\n%s\n%s", err, out, serial)
	}
	for _, want := range []string{"test.karg=here", "\nactive\n", "from the host\nto standard error\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
	if !strings.Contains(serial, "login:") {
		t.Errorf("no login prompt:\n%s", serial)
	}
}

func TestVMWithoutKernel(t *testing.T) {
	if _, _, err := (VM{Root: t.TempDir()}).Run(t.Context(), "true"); err == nil || !strings.Contains(err.Error(), "has 0 kernels") {
		t.Error(err)
	}
}

// A kernel without an initramfs that finds the disk panics after two seconds.
func TestVMPanic(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a machine twice; -short is set")
	}
	NeedVM(t)
	root := t.TempDir()
	kernels, err := filepath.Glob(Root(t, Debian) + "/usr/lib/modules/*/vmlinuz")
	if err != nil || len(kernels) != 1 {
		t.Fatal(kernels, err)
	}
	modules := filepath.Join(root, "usr/lib/modules/k")
	if err := errors.Join(os.MkdirAll(modules, 0o755), os.Symlink(kernels[0], modules+"/vmlinuz"), os.WriteFile(modules+"/initramfs.img", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	vm := VM{Root: root}
	_, serial, err := vm.Run(t.Context(), "true")
	if !errors.Is(err, ErrPanic) || !strings.Contains(serial, "Unable to mount root fs") {
		t.Errorf("%v\n%s", err, serial)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, _, err := vm.Run(ctx, "true"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		if b, _ := os.ReadFile(p); strings.Contains(string(b), root) {
			t.Errorf("%s still runs: %q", p, b)
		}
	}
}
