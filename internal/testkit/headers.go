package testkit

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"testing"
)

var (
	//go:embed headers.go
	headersRecipe string
	//go:embed headers.sh
	headersScript string
)

// HeadersRepo returns a directory that is an apt repository, flat and not signed, of what builds a module for the kernel of
// the [Debian] base and of [DNF]: linux-headers-VERSION, gcc, make, xz-utils, git and what they depend on. It is kept with
// the base that it belongs to, because the archive drops the headers of a kernel soon after it has a newer one.
//
// It is made once, in the base, and shared: read-only.
func HeadersRepo(t testing.TB) string {
	t.Helper()
	NeedRoot(t)
	NeedTool(t, "mmdebstrap", "unshare")
	dir, err := MakeHeadersRepo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// MakeHeadersRepo is HeadersRepo for programs.
func MakeHeadersRepo(ctx context.Context) (string, error) {
	root, err := MakeRoot(ctx, Debian)
	if err != nil {
		return "", err
	}
	dir, err := cached(ctx, "headers", key(headersRecipe, headersScript, root), func(ctx context.Context, dir string) ([]string, error) {
		repo := filepath.Join(dir, "repo")
		if err := os.Mkdir(repo, 0o755); err != nil {
			return nil, err
		}
		c := Chroot{Root: root}.With("/repo", repo, "/etc/resolv.conf", "/etc/resolv.conf", "/etc/hosts", "/etc/hosts")
		if _, _, err := c.Run(ctx, "sh", "-c", headersScript); err != nil {
			return nil, err
		}
		return regularFiles(dir)
	})
	return filepath.Join(dir, "repo"), err
}
