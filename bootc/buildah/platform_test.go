//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"archive/tar"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
)

// foreign is an architecture that this machine does not run, and a base for it.
func foreign(t *testing.T) (platform, ref string) {
	t.Helper()
	arch := "s390x"
	if runtime.GOARCH == arch {
		arch = "riscv64"
	}
	dir := t.TempDir()
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: arch}, Created: &epoch}
	if _, err := testkit.WriteLayout(dir, config, testkit.Layer(func(tw *tar.Writer) error {
		return tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "usr/", Mode: 0o755})
	})); err != nil {
		t.Fatal(err)
	}
	return "linux/" + arch, "oci:" + dir
}

// TestForeignPlatform: files can be added to an image of any architecture; to run its programs takes an emulator.
func TestForeignPlatform(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	platform, ref := foreign(t)
	o := bootc.BuildOptions{Platform: platform}
	base, err := e.Inspect(t.Context(), ref, o)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	o.Output = "oci:" + out
	img, err := e.Build(t.Context(), plan(base, files()), o)
	if err != nil {
		t.Fatal(err)
	}
	_, _, config, err := testkit.ReadImage(out)
	if err != nil {
		t.Fatal(err)
	}
	if img.Platform != platform || "linux/"+config.Architecture != platform {
		t.Errorf("image for %s, config for %s, want %s", img.Platform, config.Architecture, platform)
	}
	_, arch, _ := strings.Cut(platform, "/")
	if _, err := os.Stat("/proc/sys/fs/binfmt_misc/qemu-" + arch); err == nil {
		t.Skip("this machine emulates " + arch)
	}
	_, err = e.Build(t.Context(), plan(base, nil, sh("true")), o)
	pre, ok := errors.AsType[*bootc.PreflightError](err)
	if !ok || !slices.ContainsFunc(pre.Problems, func(p bootc.Problem) bool {
		return p.Fatal && strings.Contains(p.What, arch) && strings.Contains(p.Fix, "qemu-user-static")
	}) {
		t.Errorf("RUN for %s: %v", platform, err)
	}
	left(t, e)
	for _, p := range []string{"windows/amd64", "linux", "amd64", "linux/arm/v7/x"} {
		if _, err := e.Build(t.Context(), plan(base, nil), bootc.BuildOptions{Platform: p}); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("platform %q: %v", p, err)
		}
	}
}

func TestOCI(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.NeedTool(t, "runc")
	e := open(t, func(o *buildah.Options) { o.Isolation, o.Runtime = buildah.OCI, "runc" })
	report, err := e.Preflight(t.Context())
	if err != nil || report.Err() != nil {
		t.Fatal(report, err)
	}
	base := inspect(t, e, tinyRef(t))
	p := plan(base, files(), sh("echo hello > /usr/lib/hello; test -e /proc/self && ls /sys/class/net > /dev/null"))
	out := t.TempDir()
	img, err := e.Build(t.Context(), p, bootc.BuildOptions{Output: "oci:" + out})
	if err != nil {
		t.Fatal(err)
	}
	wantLayer(t, entriesOf(t, out)[3], "5 755 0:0 usr", "5 755 0:0 usr/lib", "0 644 0:0 usr/lib/hello")
	left(t, e)
	chroot := open(t, nil)
	same, err := chroot.Build(t.Context(), p, bootc.BuildOptions{})
	if err != nil || same.Digest != img.Digest {
		t.Errorf("in a chroot the image is %s, %v; in runc %s", same.Digest, err, img.Digest)
	}
	offline := plan(base, nil, containerfile.Run{Command: containerfile.Command{Shell: "ls /sys/class/net | grep -vx lo && exit 1 || true"}, Network: "none"})
	if _, err := e.Build(t.Context(), offline, bootc.BuildOptions{}); err != nil {
		t.Errorf("a step without a network: %v", err)
	}
	if _, err := chroot.Build(t.Context(), offline, bootc.BuildOptions{}); !errors.As(err, new(*bootc.PreflightError)) {
		t.Errorf("a step without a network in a chroot, which cannot have it: %v", err)
	}
	if err := cancelAsleep(e, base); err != nil {
		t.Error(err)
	}
	left(t, e)
}
