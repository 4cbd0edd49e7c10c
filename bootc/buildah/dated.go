//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.podman.io/storage"
)

// dated is the store as a build sees it. Directories that a step only passed through have the epoch in its layer, like those
// that it changed something in. Of themselves they would have the base's older time: a layer is to be the same whether a step
// or package direct made it, which does not ask for that.
type dated struct {
	storage.Store
	w *worker
}

// Diff is what a container's layer is committed from.
func (d dated) Diff(from, to string, o *storage.DiffOptions) (io.ReadCloser, error) {
	if d.w.Driver == "overlay" { // the others have no directory with what is new alone
		containers, err := d.Containers()
		if err == nil && slices.ContainsFunc(containers, func(c storage.Container) bool { return c.LayerID == to }) {
			_, err = date(filepath.Join(d.w.Root, "storage", d.w.Driver, to, "diff"), d.w.Epoch)
		}
		if err != nil {
			return nil, err
		}
	}
	return d.Store.Diff(from, to, o)
}

// date gives the epoch to older directories that have something of the step below them, and says whether dir has. What buildah
// makes to mount on has the time 0, and it knows a directory that it did so in by its time: these stay as they are. Those that
// are newer it will date itself.
func date(dir string, epoch time.Time) (changed bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			below, err := date(name, epoch)
			if err != nil {
				return false, err
			}
			changed = changed || below
		} else if !changed {
			info, err := e.Info()
			if err != nil {
				return false, err
			}
			changed = !info.ModTime().Equal(time.Unix(0, 0))
		}
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return false, err
	}
	older := info.ModTime().Before(epoch)
	if changed && older {
		err = os.Chtimes(dir, epoch, epoch)
	}
	return changed || len(entries) == 0 && !older, err
}
