package testkit

import (
	"context"
	_ "embed"
	"path/filepath"
	"runtime"
	"testing"
)

var (
	//go:embed verifiers.go
	verifiersRecipe string
	//go:embed verifiers.sh
	verifiersScript string
)

// Verifiers are programs that are not ours and know nothing of us: skopeo 1.18, podman 5.4 and cosign 2.5 of Debian 13.
// (Debian 12's own skopeo and podman have sigstore signatures patched out.) They see of this machine what the binds
// of the [Chroot] give them, and the network.
//
// What a device has goes in by binds, for instance
//
//	v.With("/etc/containers/policy.json", policy, "/etc/containers/registries.d", dir, "/etc/pki/containers", keys,
//		"/etc/containers/certs.d", certs)
//
// where certs has a directory "127.0.0.1:port" with the registry's ca.crt. To see the same podman storage in two runs, bind
// a directory to /var/lib/containers.
type Verifiers struct{ Chroot }

// NewVerifiers returns the programs, made now (half a minute) if the cache does not have them.
func NewVerifiers(t testing.TB) Verifiers {
	t.Helper()
	NeedRoot(t)
	NeedTool(t, "mmdebstrap", "unshare")
	v, err := OpenVerifiers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// OpenVerifiers is NewVerifiers for programs.
func OpenVerifiers(ctx context.Context) (Verifiers, error) {
	a, err := findArchive(ctx)
	if err != nil {
		return Verifiers{}, err
	}
	k := key(verifiersRecipe, verifiersScript, runtime.GOARCH, a.mirror, a.release)
	dir, err := cached(ctx, "verifiers", k, func(ctx context.Context, dir string) ([]string, error) {
		err := runToFile(ctx, filepath.Join(dir, "log"), "verifiers.sh", verifiersScript, filepath.Join(dir, "root"), a.mirror, suite)
		return []string{"root/usr/bin/skopeo", "root/usr/bin/podman", "root/usr/bin/cosign"}, err
	})
	return Verifiers{Chroot{Root: filepath.Join(dir, "root")}}, err
}

// With returns Verifiers with more binds, as pairs of path inside and path outside.
func (v Verifiers) With(pairs ...string) Verifiers { return Verifiers{v.Chroot.With(pairs...)} }

// Skopeo runs skopeo.
func (v Verifiers) Skopeo(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	return v.Run(ctx, append([]string{"skopeo"}, args...)...)
}

// Podman runs podman with the vfs storage driver, which works in any file system.
func (v Verifiers) Podman(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	return v.Run(ctx, append([]string{"podman", "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"}, args...)...)
}

// Cosign runs cosign. To verify without the public transparency log and its trust root it needs
// --insecure-ignore-tlog=true and --private-infrastructure; for a registry on plain HTTP, --allow-http-registry.
func (v Verifiers) Cosign(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	return v.Run(ctx, append([]string{"cosign"}, args...)...)
}
