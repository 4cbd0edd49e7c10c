package changes

import (
	"context"
	"fmt"
	"io/fs"
	"runtime"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/internal/pkgdb"
	"github.com/bootloom/bootloom/internal/tree"
	"github.com/bootloom/bootloom/registry"
)

// reading reads layers, each once.
type reading struct {
	cache *cache

	mu    sync.Mutex
	known map[digest.Digest]tree.Layer
}

func newReading(dir string) *reading {
	return &reading{cache: newCache(dir), known: map[digest.Digest]tree.Layer{}}
}

// maxDatabase is the size up to which a package database is read, and what is kept of a layer in all. Those of the largest
// desktop images have less than 200 MB.
const maxDatabase = 512 << 20

var whatToRead = tree.Reading{Sums: true, Max: maxDatabase, Keep: func(name string) int64 {
	if pkgdb.IsPart(name) {
		return maxDatabase
	}
	return tree.Facts.Keep(name)
}}

// layers returns those of an image from the given one on, several read at once.
func (r *reading) layers(ctx context.Context, img *registry.Reader, first int) ([]tree.Layer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make([]tree.Layer, max(0, len(img.Layers)-first))
	slots := make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
	var work sync.WaitGroup
	for i := range out {
		work.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			l, err := r.layer(ctx, img, first+i)
			if err != nil {
				cancel(err)
			}
			out[i] = l
		})
	}
	work.Wait()
	return out, context.Cause(ctx)
}

func (r *reading) layer(ctx context.Context, img *registry.Reader, i int) (tree.Layer, error) {
	d := img.Layers[i].Digest
	r.mu.Lock()
	l, ok := r.known[d]
	r.mu.Unlock()
	if ok || ctx.Err() != nil {
		return l, nil
	}
	l, ok = r.cache.load(d)
	if !ok {
		blob, err := img.Layer(ctx, i)
		if err != nil {
			return l, err
		}
		defer blob.Close()
		if l, err = whatToRead.Layer(blob); err != nil {
			return l, fmt.Errorf("layer %s: %w", d, err)
		}
		r.cache.store(d, l)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[d] = l
	return l, nil
}

// content is that of a file of a layer which was not kept in memory.
func (r *reading) content(l tree.Layer, name string) ([]byte, error) {
	for i := len(l.Entries) - 1; i >= 0; i-- {
		if e := l.Entries[i]; e.Path == name {
			return r.cache.content(e)
		}
	}
	return nil, fs.ErrNotExist
}
