//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// writeContext writes the archives of a plan to dir, and gives the files there the plan's time: the builder has the time of
// an archive in what it remembers of a step.
func writeContext(ctx context.Context, dir string, archives []bootc.Archive, epoch time.Time) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, a := range archives {
		if !filepath.IsLocal(a.Name) {
			return fmt.Errorf("archive %q is not a path inside the context", a.Name)
		}
		name := filepath.Join(dir, a.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = a.WriteTo(cancelable{ctx, f})
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, epoch, epoch)
	})
}

// cancelable is a writer that fails once its context is done.
type cancelable struct {
	ctx context.Context
	w   io.Writer
}

func (c cancelable) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}
