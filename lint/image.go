package lint

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// Image is an image that can be read: in a registry, an OCI layout or an archive. Of a registry.Reader r it is
//
//	lint.Image{Manifest: r.Manifest.Data, Config: r.ConfigData, Layer: r.Layer}
type Image struct {
	// Manifest and Config of the image for one platform, in JSON.
	Manifest, Config []byte
	// Layer opens layer i of the manifest as it is stored, compressed or not, and fails instead of giving the last of bytes
	// that do not have the digest listed: facts are cached under that. It is called from several goroutines at once, and
	// may be called again for the same layer.
	Layer func(ctx context.Context, i int) (io.ReadCloser, error)
	// Stored says of layer i that what Gather has read of it in a store will do, if Linter.Cache has that under its diff id:
	// then it need not be fetched again. Like Overlay, it does not see what only a tar shows. nil is none.
	Stored func(i int) bool
}

// Image lints an image: its layers one by one, the root file system that they make together, its config and history.
// name is what the report calls it. Nothing is unpacked. A layer that cannot be read is a finding, and the others are looked
// at; the error is for an image that cannot be read at all, for a context that has ended, and for mistakes in the Linter.
func (l Linter) Image(ctx context.Context, name string, img Image) (Report, error) {
	rules, err := l.rules()
	if err != nil {
		return Report{}, err
	}
	f, err := l.image(ctx, rules, img)
	if err != nil {
		return Report{}, &bootc.OpError{Op: "lint", Ref: name, Err: err}
	}
	return l.run(name, f, rules, nil), nil
}

// image gathers the facts about an image.
func (l Linter) image(ctx context.Context, rules []Rule, img Image) (*Facts, error) {
	m, config, err := parseImage(img.Manifest, img.Config)
	if err != nil {
		return nil, err
	}
	if n := len(config.RootFS.DiffIDs); n != len(m.Layers) {
		return nil, fmt.Errorf("the manifest has %d layers and the config %d", len(m.Layers), n)
	}
	return l.gather(ctx, rules, m, config, layerReader{
		n: len(m.Layers), source: fromTar,
		digest: func(i int) digest.Digest { return m.Layers[i].Digest },
		read:   func(g *gatherer, i int) error { return g.readBlob(ctx, i, img) },
		stored: func(i int) digest.Digest {
			if img.Stored == nil || !img.Stored(i) {
				return ""
			}
			return config.RootFS.DiffIDs[i]
		},
	})
}

// parseImage reads manifest and config, of which either may be missing.
func parseImage(manifest, config []byte) (m v1.Manifest, c v1.Image, err error) {
	if len(manifest) > 0 {
		if err := json.Unmarshal(manifest, &m); err != nil {
			return m, c, fmt.Errorf("the manifest is no JSON of an image: %w", err)
		}
	}
	if len(config) > 0 {
		if err := json.Unmarshal(config, &c); err != nil {
			return m, c, fmt.Errorf("the config is no JSON of an image: %w", err)
		}
	}
	return m, c, nil
}

// layerReader reads the layers of an image, in one way.
type layerReader struct {
	n      int
	source string                  // the way, for the cache
	digest func(int) digest.Digest // that the bytes of a layer are checked against; empty if they are not
	read   func(*gatherer, int) error
	stored func(int) digest.Digest // by which facts that were read in a store will do; nil and empty for none
}

// The ways to read layers.
const (
	fromTar   = "tar"
	fromStore = "overlay"
)

// gather reads the layers, several at once.
func (l Linter) gather(ctx context.Context, rules []Rule, m v1.Manifest, config v1.Image, in layerReader) (*Facts, error) {
	g := newGathering(rules, l.Limits)
	g.cache = newCache(l.Cache, rules, g.limits)
	n := in.n
	if n > g.limits.Layers {
		return nil, fmt.Errorf("the image has %d layers; up to %d are read", n, g.limits.Layers)
	}
	layers := make([]*Layer, n)
	created := createdBy(config.History, n)
	base := l.baseLayers(m, config, n)
	for i := range layers {
		layers[i] = &Layer{Index: i, CreatedBy: created[i], Base: i < base, stage: InLayers}
		if len(config.RootFS.DiffIDs) == n {
			layers[i].DiffID = config.RootFS.DiffIDs[i]
		}
	}
	from := l.origin()
	if from != nil {
		base = max(base, from.locate(layers))
		for i := range base {
			layers[i].Base = true
		}
	}
	g.boundary = base > 0
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	if len(m.Layers) == n { // the largest first, so that the last ones to be done are small
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(m.Layers[b].Size, m.Layers[a].Size) })
	}
	whole, err := g.readLayers(ctx, layers, order, in)
	if err != nil {
		return nil, err
	}
	f := &Facts{Stages: InRoot | InLayers | InConfig, Layers: layers, Root: newTree(layers, whole), Config: configOf(config, m, l.Base)}
	if from != nil {
		from.locateFiles(layers)
		f.madeBy = from.build
	}
	return f, nil
}

// readLayers reads the layers in this order, as many at once as there are processors.
func (g *gathering) readLayers(ctx context.Context, layers []*Layer, order []int, reader layerReader) (whole bool, err error) {
	next := make(chan int, len(order))
	for _, i := range order {
		next <- i
	}
	close(next)
	whole = true
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(layers)) {
		workers.Go(func() {
			for i := range next {
				in := g.layer(layers[i])
				err := in.readLayer(reader, i)
				mu.Lock()
				whole = whole && err == nil && !in.full
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return whole, context.Cause(ctx)
}

// readLayer takes the layer from the cache, or reads it.
func (g *gatherer) readLayer(in layerReader, i int) error {
	derived := g.boundary && !g.layer.Base
	kept := g.cache.name(in.source, in.digest(i), derived)
	if g.cache.load(kept, g) || in.stored != nil && g.cache.load(g.cache.name(fromStore, in.stored(i), derived), g) {
		return nil
	}
	err := in.read(g, i)
	if err != nil {
		g.problem("", false, err)
	}
	g.done()
	if kept != "" && err == nil && !g.full {
		g.cache.store(kept, g.layer)
	}
	return err
}

// createdBy assigns history to layers. A history that does not fit the number of layers says nothing about any.
func createdBy(history []v1.History, layers int) []string {
	out := make([]string, layers)
	var list []string
	for _, h := range history {
		if !h.EmptyLayer {
			list = append(list, h.CreatedBy)
		}
	}
	if len(list) == layers {
		copy(out, list)
	}
	return out
}

// baseLayers is how many layers come from the base.
func (l Linter) baseLayers(m v1.Manifest, config v1.Image, layers int) int {
	switch {
	case l.BaseLayers > 0:
		return min(l.BaseLayers, layers)
	case l.Base != nil:
		n := len(l.Base.RootFS.DiffIDs)
		if n <= len(config.RootFS.DiffIDs) && slices.Equal(l.Base.RootFS.DiffIDs, config.RootFS.DiffIDs[:n]) {
			return n
		}
	}
	// What ostree-ext and rpm-ostree make says which layer was the last of theirs; images on top inherit the label.
	if last := config.Config.Labels["ostree.final-diffid"]; last != "" {
		return slices.Index(config.RootFS.DiffIDs, digest.Digest(last)) + 1
	}
	return 0
}
