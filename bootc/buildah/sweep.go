//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"go.podman.io/storage"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// buildah gives the images of its steps a name for the time of a commit.
var tmpImage = lazyregexp.New(`^(docker\.io/library/|localhost/)?[0-9a-f]{64}-tmp(:latest)?$`)

// sweep removes what sessions left whose processes were killed. Opening the store has removed incomplete layers.
func (w *worker) sweep() error {
	var errs []error
	for _, p := range w.Stale {
		errs = append(errs, w.sweepSession(p))
	}
	if w.Alone {
		errs = append(errs, w.sweepImages())
	}
	return errors.Join(errs...)
}

// sweepSession removes the containers and files of one session: its id is in all their names.
func (w *worker) sweepSession(p paths) error {
	var errs []error
	containers, err := w.store.Containers()
	errs = append(errs, err)
	for _, c := range containers {
		mine := false
		for _, name := range c.Names {
			// buildah appends a number where a name is taken.
			mine = mine || strings.Contains(name, containerSuffix(p))
		}
		if !mine {
			continue
		}
		w.store.Unmount(c.ID, true) // the mount went with its namespace, but the store still counts it
		if err := w.store.DeleteContainer(c.ID); !errors.Is(err, storage.ErrContainerUnknown) {
			errs = append(errs, err)
		}
	}
	for _, dir := range []string{"blobs", "images"} {
		leftovers, _ := filepath.Glob(filepath.Join(w.Root, dir, "."+p.ID+".*"))
		for _, name := range leftovers {
			errs = append(errs, os.RemoveAll(name))
		}
	}
	if p.ID != w.Session.ID {
		errs = append(errs, os.RemoveAll(p.Temp), os.RemoveAll(p.Run))
	} else {
		errs = append(errs, os.RemoveAll(contextDir(p)))
	}
	return errors.Join(errs...)
}

// sweepImages removes images whose commit was cut short. They cannot be told from those of a build that runs, so it is
// for when none does.
func (w *worker) sweepImages() error {
	images, err := w.store.Images()
	errs := []error{err}
	for _, img := range images {
		var keep []string
		for _, name := range img.Names {
			if !tmpImage.MatchString(name) {
				keep = append(keep, name)
			}
		}
		switch {
		case len(keep) == len(img.Names):
		case len(keep) > 0:
			errs = append(errs, w.store.SetNames(img.ID, keep))
		default:
			_, err := w.store.DeleteImage(img.ID, true)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
