package testkit

import (
	"os"
	"path/filepath"
	"testing"
)

// ImageBuilder returns a directory with osbuild's real image builder under its two names, image-builder and
// bootc-image-builder, built from the Go module proxy (three minutes) if the cache does not have it.
//
// Without osbuild it cannot build disks, but its command manifest does all before that: it reads the configuration, asks
// podman and skopeo about the image, and prints what osbuild would do.
func ImageBuilder(t testing.TB) string {
	t.Helper()
	NeedTool(t, "go")
	program, err := buildTool(t.Context(), "image-builder", "github.com/osbuild/image-builder/cmd/image-builder", "-s -w",
		"-tags", "containers_image_openpgp,exclude_graphdriver_btrfs,exclude_graphdriver_devicemapper")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"image-builder", "bootc-image-builder"} { // it looks at the name it is called by
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
