//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
)

// errRefused ends a build in the worker; the caller's process knows why.
var errRefused = errors.New("the image was refused")

// submit shows the layers of an image to the caller's process, before anything is made of them, and waits for its verdict.
func (w *worker) submit(ctx context.Context, id string, base *pulled) error {
	if w.Lint == nil {
		return nil
	}
	w.emit(bootc.Event{Kind: bootc.EventStart, Op: "lint", Ref: w.Ref, Platform: w.Platform})
	img, err := w.store.Image(id)
	if err != nil {
		return err
	}
	raw, err := w.store.ImageBigData(img.ID, storage.ImageDigestBigDataKey)
	if err != nil {
		return err
	}
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	found := &layers{}
	if found.Config, err = w.store.ImageBigData(img.ID, m.Config.Digest.String()); err != nil {
		return err
	}
	if len(w.Labels) > 0 {
		if found.Config, err = withLabels(found.Config, w.Labels, w.Epoch); err != nil {
			return err
		}
	}
	baseLayers := 0
	if base != nil {
		var config v1.Image
		if err := json.Unmarshal(base.Config, &config); err != nil {
			return err
		}
		found.Base, baseLayers = base.Config, len(config.RootFS.DiffIDs)
	}
	for id := img.TopLayer; id != ""; {
		found.Dirs = append(found.Dirs, filepath.Join(w.Root, "storage", w.Driver, id, "diff"))
		l, err := w.store.Layer(id)
		if err != nil {
			return err
		}
		id = l.Parent
	}
	slices.Reverse(found.Dirs)
	if err := w.gather(ctx, lint.Overlay{Dirs: found.Dirs, Config: found.Config}, baseLayers); err != nil {
		return err
	}
	w.send(message{Layers: found})
	select {
	case v := <-w.verdicts:
		if v.Refused {
			return errRefused
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	w.emit(bootc.Event{Kind: bootc.EventDone, Op: "lint", Ref: w.Ref, Platform: w.Platform})
	return nil
}

// gather reads what the rules of the caller's process want to know of layers.
func (w *worker) gather(ctx context.Context, o lint.Overlay, baseLayers int) error {
	l := lint.Linter{Rules: []lint.Rule{{Wants: w.Lint.Wants}}, Limits: w.Lint.Limits, Cache: w.Lint.Cache, BaseLayers: baseLayers}
	if err := l.Gather(ctx, o); err != nil {
		return &bootc.OpError{Op: "lint", Ref: w.Ref, Err: err}
	}
	return nil
}
