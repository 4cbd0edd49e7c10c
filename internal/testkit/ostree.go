package testkit

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// MergedTar writes the root file system of the one image in the OCI layout at layout to a tar file, as an importer sees it:
// layers applied, whiteouts gone. Sorted, with numeric owners and extended attributes. It needs root.
func MergedTar(ctx context.Context, layout, file string) error {
	dir, err := os.MkdirTemp("", "testkit-merged-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := UnpackImage(layout, dir); err != nil {
		return err
	}
	_, err = run(ctx, "tar", exec.Command("tar", "--create", "--file", file, "--directory", dir,
		"--sort=name", "--numeric-owner", "--xattrs", "--xattrs-include=*", "."))
	return err
}

var ostreeCommit = regexp.MustCompile(`^[0-9a-f]{64}$`)

// OstreeCommit imports a tar as a device's ostree would, into a repository that is thrown away, and returns the commit's
// checksum. An error says what ostree refuses, such as a device node. The commit's time is 0 and it is on no branch, so the
// checksum is the content's.
func OstreeCommit(ctx context.Context, file string) (string, error) {
	dir, err := os.MkdirTemp("", "testkit-ostree-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	repo := "--repo=" + filepath.Join(dir, "repo")
	if _, err := run(ctx, "ostree init", exec.Command("ostree", repo, "init", "--mode=bare")); err != nil {
		return "", err
	}
	out, err := run(ctx, "ostree commit", exec.Command("ostree", repo, "commit", "--orphan", "--timestamp=@0", "--tree=tar="+file))
	if err != nil {
		return "", err
	}
	sum := strings.TrimSpace(out)
	if !ostreeCommit.MatchString(sum) {
		return "", fmt.Errorf("ostree commit printed %q, want a checksum", out)
	}
	return sum, nil
}
