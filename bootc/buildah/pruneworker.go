//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.podman.io/storage"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/blobs"
	"github.com/bootloom/bootloom/internal/prune"
)

// prune runs in the worker. Nobody else uses Root.
func (w *worker) prune(ctx context.Context) (bootc.Pruned, error) {
	items, size, places, err := w.items()
	if err != nil {
		return bootc.Pruned{}, err
	}
	out, err := prune.Run(ctx, items, size, w.Pruning)
	for _, p := range places {
		err = errors.Join(err, p.Store.Forget())
	}
	return out, errors.Join(err, w.forget())
}

// size runs in the worker.
func (w *worker) size() (bootc.Pruned, error) {
	_, size, _, err := w.items()
	return bootc.Pruned{Left: size}, err
}

// items are all that Root has.
func (w *worker) items() ([]prune.Item, int64, []blobs.Place, error) {
	places := []blobs.Place{blobs.Dir(w.Root).Place(), directDir(w.Root).Place()}
	images, size, err := blobs.Items(places...)
	if err != nil {
		return nil, 0, nil, err
	}
	dirs := append(directDir(w.Root).Facts(), filepath.Join(w.Root, "builds"))
	if w.LintCache != "" {
		dirs = append(dirs, w.LintCache)
	}
	files, more, err := prune.Files(dirs...)
	if err != nil {
		return nil, 0, nil, err
	}
	stored, layers, err := w.storeItems()
	return slices.Concat(images, files, stored), size + more + layers, places, err
}

// storeItems are the images of the store that the engine has put there: bases, and the results of steps. They share layers,
// so that one takes room until the last that has it is gone.
func (w *worker) storeItems() ([]prune.Item, int64, error) {
	layers, err := w.store.Layers()
	if err != nil {
		return nil, 0, err
	}
	sizes, depth, size := map[string]int64{}, map[string]int{}, int64(0)
	parents := map[string]string{}
	for _, l := range layers {
		n := l.UncompressedSize
		if n < 0 {
			if n, err = w.store.DiffSize(l.Parent, l.ID); err != nil {
				return nil, 0, err
			}
		}
		sizes[l.ID], parents[l.ID] = n, l.Parent
		size += n
	}
	images, err := w.store.Images()
	if err != nil {
		return nil, 0, err
	}
	for _, img := range images {
		for id := img.TopLayer; id != ""; id = parents[id] {
			depth[img.ID]++
		}
	}
	// An image that builds on another goes first where both were used at the same time.
	slices.SortFunc(images, func(a, b storage.Image) int { return cmp.Compare(depth[b.ID], depth[a.ID]) })
	var items []prune.Item
	for _, img := range images {
		if slices.ContainsFunc(img.Names, func(name string) bool {
			return !strings.HasPrefix(name, baseName+":") && !strings.HasPrefix(name, aliasName+":")
		}) {
			continue // the caller's
		}
		items = append(items, prune.Item{Used: w.lastUsed(img.ID), Remove: func() (freed int64, err error) {
			gone, err := w.store.DeleteImage(img.ID, true)
			for _, id := range gone {
				freed += sizes[id]
			}
			if errors.Is(err, storage.ErrImageUsedByContainer) || errors.Is(err, storage.ErrImageUnknown) {
				err = nil
			}
			return freed, err
		}})
	}
	return items, size, nil
}

// lastUsed is when a build used an image of the store, or else when it was made.
func (w *worker) lastUsed(id string) (t time.Time) {
	for _, name := range []string{filepath.Join(usedDir(w.Root), id), filepath.Join(w.Root, "storage", w.Driver+"-images", id)} {
		if info, err := os.Stat(name); err == nil && info.ModTime().After(t) {
			t = info.ModTime()
		}
	}
	return t
}

// forget removes the notes about images that are gone.
func (w *worker) forget() error {
	entries, err := os.ReadDir(usedDir(w.Root))
	if err != nil {
		return nil // none
	}
	var errs []error
	for _, e := range entries {
		if !w.store.Exists(e.Name()) {
			errs = append(errs, os.Remove(filepath.Join(usedDir(w.Root), e.Name())))
		}
	}
	return errors.Join(errs...)
}
