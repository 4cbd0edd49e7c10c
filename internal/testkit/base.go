package testkit

import (
	"context"
	_ "embed"
	"fmt"
	"path/filepath"
	"testing"
)

//go:embed unpack.go
var unpackRecipe string

// A Kind is a base image that the test kit can make.
type Kind string

// The base images. All have two gzip layers, an os-release and a policy.json as a stock base has
// (insecureAcceptAnything by default), no device nodes, and are the same bytes each time they are made from the same
// archive state.
const (
	// Tiny is busybox and a few files of /etc, 2 MB: a shell for RUN, no package tool, no systemd, not bootable. os-release
	// says ID=tiny, ID_LIKE=debian. Its second layer deletes etc/gone and replaces etc/motd of the first. It is
	// made from Debian's busybox-static in a second and needs no root. Use it wherever it will do.
	Tiny Kind = "tiny"
	// Debian is a bootable Debian 13 with systemd, a kernel, a dracut initramfs with ostree, bootc's labels and files, and
	// apt. 190 MB unpacked; a minute to make, as root.
	Debian Kind = "debian"
	// DNF is Debian with dnf 4, rpm and createrepo_c, so that a real `dnf install` can be tested without a Fedora at
	// hand; [RPMRepo] makes packages for it. os-release still says Debian: a test states the package tool.
	DNF Kind = "dnf"
	// Edge is Debian with dnf 4 and what stock bases bring for workloads and provisioning: podman 5.4 and cloud-init,
	// which is installed and not started (its generator finds it disabled). [AgentRepo] has packages for it.
	Edge Kind = "edge"
)

// Base returns the OCI layout directory of the base, made now if the cache does not have it. All tests share it: read-only.
// Without root and the tools, Debian and DNF end the test as [Need] does.
func Base(t testing.TB, kind Kind) string {
	t.Helper()
	if kind != Tiny {
		NeedRoot(t)
		NeedTool(t, "mmdebstrap")
	}
	NeedTool(t, "apt-get", "dpkg-deb")
	dir, err := Make(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Make is Base for programs.
func Make(ctx context.Context, kind Kind) (string, error) {
	switch kind {
	case Tiny:
		return cached(ctx, string(kind), key(tinyRecipe, layoutRecipe), makeTiny)
	case Debian, DNF, Edge:
		return makeDebian(ctx, kind)
	}
	return "", fmt.Errorf("no base %q: there are %s, %s, %s and %s", kind, Tiny, Debian, DNF, Edge)
}

// Root returns the base's root file system as a directory, unpacked once for all tests: read-only. A [Chroot] and a [VM] do not
// write to theirs. It needs root, for the files' owners.
func Root(t testing.TB, kind Kind) string {
	t.Helper()
	NeedRoot(t)
	Base(t, kind) // for its own needs
	dir, err := MakeRoot(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// MakeRoot is Root for programs.
func MakeRoot(ctx context.Context, kind Kind) (string, error) {
	layout, err := Make(ctx, kind)
	if err != nil {
		return "", err
	}
	desc, _, _, err := ReadImage(layout)
	if err != nil {
		return "", err
	}
	dir, err := cached(ctx, "root-"+string(kind), key(unpackRecipe, desc.Digest.String()), func(_ context.Context, dir string) ([]string, error) {
		return []string{"root/etc/passwd"}, UnpackImage(layout, filepath.Join(dir, "root"))
	})
	return filepath.Join(dir, "root"), err
}
