package testkit

import (
	"archive/tar"
	"os"

	"github.com/bootloom/bootloom/internal/unpack"
)

// UnpackImage applies the layers of the one image in the OCI layout at layout to dir, which is made: whiteouts,
// opaque directories, hard links, modes and times, and as root also owners, devices and extended attributes
// (image-spec 1.1, layer.md). Paths that would leave dir are an error.
func UnpackImage(layout, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// An os.Root cannot be led out of the directory by the links that a layer brings.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return eachLayer(layout, func(r *tar.Reader) error { return unpack.Layer(root, r) })
}
