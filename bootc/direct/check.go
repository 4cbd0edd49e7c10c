package direct

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/prune"
	"github.com/bootloom/bootloom/lint"
	"github.com/bootloom/bootloom/registry"
)

// has says that the image was made before, and checked for what images are checked for now.
func (e *Engine) has(m made) bool {
	for _, name := range []string{m.dir, e.approval(m)} {
		if name == "" {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return false
		}
		prune.Touch(name)
	}
	return true
}

// approve notes that the image has been checked.
func (e *Engine) approve(m made) error {
	name := e.approval(m)
	if name == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, nil, 0o600)
}

// approval is the file that says so; none for an image that is not checked.
func (e *Engine) approval(m made) string {
	if m.checks == "" {
		return ""
	}
	return filepath.Join(e.o.Root, "checked", m.image.Digest.Encoded()+"-"+m.checks.Encoded()[:16])
}

// check lints an image of which a part ran, before it is made: its layers are here, or are the base's.
func (e *Engine) check(ctx context.Context, b *build, g *ground, m made) error {
	if b.gate.Skip {
		return nil
	}
	linter := b.gate.Linter
	linter.BuiltBy = &b.plan
	if len(b.base.Config) > 0 {
		var base v1.Image
		if err := json.Unmarshal(b.base.Config, &base); err != nil {
			return err
		}
		linter.Base, linter.BaseLayers = &base, len(base.RootFS.DiffIDs)
	}
	// What ran, ran on the base's layers as they are in the store, which has compared them with their diff ids.
	stored := func(i int) bool { return i < linter.BaseLayers }
	var opened *registry.Reader
	open := sync.OnceValues(func() (_ *registry.Reader, err error) { // layers are read side by side
		opened, err = e.o.Registry.Open(ctx, g.image, b.base.Platform)
		return opened, err
	})
	defer func() {
		if opened != nil {
			opened.Close()
		}
	}()
	r, err := linter.Image(ctx, b.plan.Base.Ref, lint.Image{Manifest: m.manifest, Config: m.config, Stored: stored, Layer: func(ctx context.Context, i int) (io.ReadCloser, error) {
		f, err := os.Open(e.blobs.Path(m.layers[i].Digest))
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		image, err := open()
		if err != nil {
			return nil, err
		}
		return image.Layer(ctx, i)
	}})
	if err != nil {
		return err
	}
	return b.gate.Report(r)
}

// Indexer is an engine for Options.Run that knows the files of an image without reading its layers again. Without it, and
// for what it does not know, the layers are read from where the image is.
type Indexer interface {
	// Index writes what is in the layers of img, as far as it is at hand, to dir, in the form of internal/tree.
	Index(ctx context.Context, img bootc.Image, dir string) error
}
