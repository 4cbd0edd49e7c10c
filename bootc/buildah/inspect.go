//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"path/filepath"
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
	return out, nil
}
