package testkit

import (
	"context"
	_ "embed"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var (
	//go:embed rpm.go
	rpmRecipe string
	//go:embed rpms.sh
	rpmScript string
)

// RPMRepo returns a directory that is an RPM repository, for builds on the [DNF] base. Its packages are not signed
// (gpgcheck=0):
//
//   - hello 1.0 and 2.0: /usr/bin/hello, /etc/hello.conf (0640), hello.service, and a user hello that %post makes
//   - hello-data, which hello requires, and hello-extra, which it recommends
//   - bootloom-system, without files, which provides what the base has but rpm does not know of (/bin/sh, systemd, …)
//
// It is made once, in the base, and shared: read-only.
func RPMRepo(t testing.TB) string {
	t.Helper()
	NeedRoot(t)
	NeedTool(t, "mmdebstrap", "unshare")
	dir, err := MakeRPMRepo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// MakeRPMRepo is RPMRepo for programs.
func MakeRPMRepo(ctx context.Context) (string, error) {
	root, err := MakeRoot(ctx, DNF)
	if err != nil {
		return "", err
	}
	dir, err := cached(ctx, "rpms", key(rpmRecipe, rpmScript, root), func(ctx context.Context, dir string) ([]string, error) {
		repo := filepath.Join(dir, "repo")
		if err := os.Mkdir(repo, 0o755); err != nil {
			return nil, err
		}
		if _, _, err := (Chroot{Root: root}).With("/repo", repo).Run(ctx, "sh", "-c", rpmScript); err != nil {
			return nil, err
		}
		return regularFiles(dir)
	})
	return filepath.Join(dir, "repo"), err
}

// regularFiles returns the paths of the regular files under dir, relative to it.
func regularFiles(dir string) ([]string, error) {
	var paths []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, p)
		}
		return err
	})
	return paths, err
}
