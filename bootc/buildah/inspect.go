//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/internal/tree"
	"github.com/bootloom/bootloom/lint"
)

// inspect runs in the worker: the base is pulled, and the caller's process told where its layers lie.
func (w *worker) inspect(ctx context.Context) (*inspected, error) {
	p, err := w.pull(ctx, w.Ref)
	if err != nil {
		return nil, err
	}
	out := &inspected{Digest: p.Digest, Platform: w.Platform, Config: p.Config}
	img, err := w.store.Image(p.ID)
	if err != nil {
		return nil, err
	}
	root := filepath.Join(w.Root, "storage", w.Driver)
	for id := img.TopLayer; id != ""; {
		if w.Driver == "vfs" { // each layer is the whole tree
			out.Layers = []string{filepath.Join(root, "dir", id)}
			break
		}
		out.Layers = append(out.Layers, filepath.Join(root, id, "diff"))
		l, err := w.store.Layer(id)
		if err != nil {
			return nil, err
		}
		id = l.Parent
	}
	if w.Lint != nil {
		dirs := slices.Clone(out.Layers)
		slices.Reverse(dirs)
		if err := w.gather(ctx, lint.Overlay{Dirs: dirs, Config: p.Config}, 0); err != nil {
			return nil, err
		}
	}
	return out, w.keepBase(p, out.Layers)
}

// keepBase keeps what is in the layers of a base, given by their directories, topmost first.
func (w *worker) keepBase(p *pulled, dirs []string) error {
	if w.Trees == "" || w.Driver != "overlay" || p.Location == "" {
		return nil
	}
	var config v1.Image
	if err := json.Unmarshal(p.Config, &config); err != nil {
		return err
	}
	layers, err := baseLayers(p, config.RootFS.DiffIDs)
	if err != nil {
		return err
	}
	for i, dir := range slices.Backward(dirs) {
		if n := len(dirs) - 1 - i; n < len(layers) {
			if err := w.keepTree(layers[n].Digest, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepTree keeps what is in one layer, unless it is known.
func (w *worker) keepTree(d digest.Digest, dir string) error {
	cache := tree.Cache{Dir: w.Trees}
	if w.Trees == "" || cache.Has(d) {
		return nil
	}
	l, err := tree.ReadDir(dir)
	if err != nil {
		return err
	}
	return cache.Store(d, l)
}
