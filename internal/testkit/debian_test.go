package testkit

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// needsDebian ends the test if the large base is not wanted.
func needsDebian(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("makes a base with mmdebstrap, which takes a minute; -short is set")
	}
}

func TestDebian(t *testing.T) {
	needsDebian(t)
	layout := Base(t, Debian)
	_, manifest, config, err := ReadImage(layout)
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Layers) != 2 {
		t.Errorf("%d layers, want 2", len(manifest.Layers))
	}
	for _, label := range []string{"containers.bootc", "ostree.bootable"} {
		if config.Config.Labels[label] != "1" {
			t.Errorf("label %s is %q", label, config.Config.Labels[label])
		}
	}
	layers, err := LayerEntries(layout)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Entry{}
	for i, entries := range layers {
		for _, e := range entries {
			if e.Type == tar.TypeChar || e.Type == tar.TypeBlock {
				t.Errorf("%s is a device node", e.Path)
			}
			if kernel := strings.HasPrefix(e.Path, "usr/lib/modules/"); kernel != (i == 1) && e.Type != tar.TypeDir {
				t.Errorf("%s is in layer %d", e.Path, i)
			}
			all[e.Path] = e
		}
	}
	for _, p := range []string{
		"usr/lib/os-release", "usr/lib/ostree/prepare-root.conf", "usr/lib/bootc/install/00-debian.toml", "etc/containers/policy.json",
		"usr/sbin/update-ca-certificates", "var/lib/dpkg/status", "etc/apt/sources.list", "sysroot",
	} {
		if _, ok := all[p]; !ok {
			t.Errorf("no %s", p)
		}
	}
	for _, p := range []string{"etc/hostname", "etc/resolv.conf", "boot/vmlinuz", ".dockerenv"} {
		if _, ok := all[p]; ok {
			t.Errorf("%s is there", p)
		}
	}
	if e := all["etc/machine-id"]; e.Type != tar.TypeReg || e.Size != 0 {
		t.Errorf("etc/machine-id is %+v, want an empty file", e)
	}
	for link, to := range map[string]string{"root": "var/roothome", "home": "var/home", "ostree": "sysroot/ostree", "usr/local": "../var/usrlocal"} {
		if e := all[link]; e.Type != tar.TypeSymlink || e.Link != to {
			t.Errorf("%s is %+v, want a link to %s", link, e, to)
		}
	}
	for p := range all {
		if strings.HasPrefix(p, "var/lib/apt/lists/") && strings.Contains(p, "Packages") {
			t.Errorf("%s is there", p)
		}
	}
}

func TestOstreeCommit(t *testing.T) {
	NeedRoot(t)
	NeedTool(t, "ostree", "tar")
	merged := filepath.Join(t.TempDir(), "merged.tar")
	if err := MergedTar(t.Context(), Base(t, Tiny), merged); err != nil {
		t.Fatal(err)
	}
	sum, err := OstreeCommit(t.Context(), merged)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := OstreeCommit(t.Context(), merged); err != nil || again != sum {
		t.Errorf("%s, then %s, %v", sum, again, err)
	}

	bad := filepath.Join(t.TempDir(), "bad.tar")
	f, err := os.Create(bad)
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(f)
	w := files{tw: tw}
	w.dir("dev", 0o755)
	w.add(tar.Header{Typeflag: tar.TypeChar, Name: "dev/null", Mode: 0o666, Devmajor: 1, Devminor: 3}, "")
	if w.err != nil || tw.Close() != nil || f.Close() != nil {
		t.Fatal(w.err)
	}
	if _, err := OstreeCommit(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "dev/null") {
		t.Errorf("a device node is imported: %v", err)
	}
}

func TestDebianImports(t *testing.T) {
	needsDebian(t)
	NeedRoot(t)
	NeedTool(t, "ostree", "tar")
	merged := filepath.Join(t.TempDir(), "merged.tar")
	if err := MergedTar(t.Context(), Base(t, Debian), merged); err != nil {
		t.Fatal(err)
	}
	if _, err := OstreeCommit(t.Context(), merged); err != nil {
		t.Error(err)
	}
}

func TestDebianApt(t *testing.T) {
	needsDebian(t)
	root := Root(t, Debian)
	if fi, err := os.Stat(filepath.Join(root, "usr/bin/su")); err != nil || fi.Mode() != os.ModeSetuid|0o755 {
		t.Errorf("su: %v %v", fi.Mode(), err)
	}
	NeedTool(t, "unshare")
	c := Chroot{Root: root}.With("/etc/resolv.conf", "/etc/resolv.conf", "/etc/hosts", "/etc/hosts")
	if out, _, err := c.Run(t.Context(), "sh", "-ec", "apt-get -q update && apt-get -q -y install hello >&2 && exec hello"); err != nil || !strings.HasSuffix(out, "Hello, world!\n") {
		t.Errorf("%q %v", out, err)
	}
}

func TestMakeCancelled(t *testing.T) {
	needsDebian(t)
	NeedRoot(t)
	NeedTool(t, "mmdebstrap")
	cache := t.TempDir()
	t.Setenv("BOOTLOOM_CACHE", cache)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	if _, err := Make(ctx, Debian); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(cache + "/testkit/debian-*[^k]")
	if len(left) != 0 {
		t.Errorf("left %v", left)
	}
	procs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, p := range procs {
		if b, _ := os.ReadFile(p); p != fmt.Sprintf("/proc/%d/environ", os.Getpid()) && strings.Contains(string(b), cache) {
			cmdline, _ := os.ReadFile(filepath.Dir(p) + "/cmdline")
			t.Errorf("%s runs: %q", p, cmdline)
		}
	}
}
