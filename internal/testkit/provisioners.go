package testkit

import (
	"context"
	_ "embed"
	"path/filepath"
	"runtime"
	"testing"
)

var (
	//go:embed provisioners.go
	provisionersRecipe string
	//go:embed provisioners.sh
	provisionersScript string
)

// pykickstart is the version of the reader of kickstart files.
const pykickstart = "3.78"

// Provisioners returns a chroot with programs that read what devices get at provisioning, and know nothing of us:
// cloud-init of Debian 13 and ksvalidator, of the library that Anaconda reads kickstart files with. It is made now (a
// minute) if the cache does not have it.
func Provisioners(t testing.TB) Chroot {
	t.Helper()
	NeedRoot(t)
	NeedTool(t, "mmdebstrap", "unshare")
	c, err := MakeProvisioners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// MakeProvisioners is Provisioners for programs.
func MakeProvisioners(ctx context.Context) (Chroot, error) {
	a, err := findArchive(ctx)
	if err != nil {
		return Chroot{}, err
	}
	k := key(provisionersRecipe, provisionersScript, runtime.GOARCH, a.mirror, a.release)
	dir, err := cached(ctx, "provisioners", k, func(ctx context.Context, dir string) ([]string, error) {
		err := runToFile(ctx, filepath.Join(dir, "log"), "provisioners.sh", provisionersScript, filepath.Join(dir, "root"), a.mirror, suite, pykickstart)
		return []string{"root/usr/bin/cloud-init", "root/usr/local/bin/ksvalidator"}, err
	})
	return Chroot{Root: filepath.Join(dir, "root")}, err
}

// IgnitionValidate returns the path of ignition-validate, Ignition's own check of a configuration, built now if the cache
// does not have it.
func IgnitionValidate(t testing.TB) string {
	t.Helper()
	NeedTool(t, "go")
	path, err := buildTool(t.Context(), "ignition", "github.com/coreos/ignition/v2/validate", "-s -w")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
