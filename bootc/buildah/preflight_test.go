//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

func TestOCIRuntime(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct{ name, path, want string }{
		{"runc", script("runc", "echo runc version 1.1.5"), ""},
		{"old crun", script("crun", "echo crun version 1.8.1"), "crun 1.8"},
		{"new crun", script("newcrun", "echo crun version 1.25"), ""},
		{"broken", script("broken", "exit 3"), "exit status 3"},
		{"missing", filepath.Join(dir, "missing"), "no OCI runtime"},
	} {
		r := ociRuntime(t.Context(), c.path)
		if c.want == "" && r != nil || c.want != "" && (len(r) != 1 || !r[0].Fatal || !strings.Contains(r[0].What, c.want) || r[0].Fix == "") {
			t.Errorf("%s: %v", c.name, r)
		}
	}
}

func TestEmulation(t *testing.T) {
	dir := t.TempDir()
	foreign, name := "linux/arm64", "qemu-aarch64"
	if runtime.GOARCH == "arm64" {
		foreign, name = "linux/amd64", "qemu-x86_64"
	}
	check := func(platform string, problem bool) {
		t.Helper()
		if r := emulation(dir, platform); (r.Err() != nil) != problem {
			t.Errorf("%s: %v", platform, r)
		}
	}
	check("", false)
	check("linux/"+runtime.GOARCH, false)
	check(foreign, true)
	for text, problem := range map[string]bool{
		"enabled\ninterpreter /usr/bin/qemu\nflags: OCF\n":  false,
		"enabled\ninterpreter /usr/bin/qemu\nflags: \n":     true,
		"disabled\ninterpreter /usr/bin/qemu\nflags: OCF\n": true,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		check(foreign, problem)
	}
}

func TestOptions(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"no root":     {Options{}, "Options.Root"},
		"odd root":    {Options{Root: "a,b"}, "Options.Root"},
		"odd temp":    {Options{Root: "x", TempDir: "a:b"}, "Options.TempDir"},
		"isolation":   {Options{Root: "x", Isolation: "jail"}, "Options.Isolation"},
		"compression": {Options{Root: "x", Compression: "xz"}, "Options.Compression"},
		"policy":      {Options{Root: "x", Policy: &Policy{}}, "Options.Policy"},
	} {
		if _, err := Open(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o, err := Options{Root: "x"}.check()
	if err != nil || !filepath.IsAbs(o.Root) || !filepath.IsAbs(o.RunRoot) || o.Isolation != Chroot || o.Compression != bootc.Gzip || o.Driver != "overlay" {
		t.Errorf("%+v, %v", o, err)
	}
	other, err := Options{Root: "y"}.check()
	if err != nil || o.RunRoot == other.RunRoot {
		t.Errorf("two roots have one run root %s", o.RunRoot)
	}
}

func TestParseRef(t *testing.T) {
	for ref, want := range map[string]string{
		"quay.io/acme/os":              "//quay.io/acme/os:latest",
		"quay.io/acme/os:1":            "//quay.io/acme/os:1",
		"docker://quay.io/acme/os:1":   "//quay.io/acme/os:1",
		"127.0.0.1:5000/os:1":          "//127.0.0.1:5000/os:1",
		"docker.io/library/debian:13":  "//debian:13",
		"quay.io/acme/os:1@" + aDigest: "//quay.io/acme/os@" + aDigest,
		"busybox":                      "!docker.io/library/name",
		"acme/os":                      "!docker.io/library/name",
		"localhost/x":                  "//localhost/x:latest",
		"Quay.io/X":                    "!",
		"":                             "!",
	} {
		got, err := parseRef(ref)
		if bad, isBad := strings.CutPrefix(want, "!"); isBad {
			if err == nil || !strings.Contains(err.Error(), bad) {
				t.Errorf("%q: %v, want an error with %q", ref, err, bad)
			}
		} else if err != nil || got.StringWithinTransport() != want {
			t.Errorf("%q is %v, %v; want %s", ref, got, err, want)
		}
	}
}

const aDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
