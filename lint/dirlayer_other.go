//go:build !linux

package lint

import (
	"context"
	"errors"
	"os"
)

// readDisk fills the layer from a directory, through os.Root, which keeps links from leading out of it.
func (g *gatherer) readDisk(ctx context.Context, dir string, overlay bool) error {
	if overlay {
		return errors.New("layers of overlayfs can be read on Linux only")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return g.readFS(ctx, root.FS())
}
