package lint

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
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

// Overlay is an image whose layers lie in directories of this machine, as containers/storage keeps them for overlayfs.
type Overlay struct {
	// Dirs of the layers (…/diff), the lowest first. Whiteouts and opaque marks in them are those of overlayfs.
	Dirs []string
	// Manifest and Config of the image in JSON, as far as they are known. The config's diff ids name the layers, if there are
	// as many as Dirs.
	Manifest, Config []byte
}

// Overlay lints an image in the store of an engine, as Image does. It wants Linux, and the rights to read the layers. What
// only a tar shows, hard links between layers, is not seen.
func (l Linter) Overlay(ctx context.Context, name string, o Overlay) (Report, error) {
	rules, err := l.rules()
	if err != nil {
		return Report{}, err
	}
	f, err := l.overlay(ctx, rules, o)
	if err != nil {
		return Report{}, &bootc.OpError{Op: "lint", Ref: name, Err: err}
	}
	return l.run(name, f, rules, nil), nil
}

// Gather reads the layers into Linter.Cache, and runs no rules: for a process that has the rights to read them, where the
// rules run in another one. Of the Linter's rules only the Wants count; the other process has them from Wants.
func (l Linter) Gather(ctx context.Context, o Overlay) error {
	_, err := l.overlay(ctx, l.Rules, o)
	return err
}

// Wants are those of all rules that run.
func (l Linter) Wants() ([]Want, error) {
	rules, err := l.rules()
	if err != nil {
		return nil, err
	}
	var out []Want
	for _, r := range rules {
		out = append(out, r.Wants...)
	}
	return out, nil
}

// overlay gathers the facts about an image in a store.
func (l Linter) overlay(ctx context.Context, rules []Rule, o Overlay) (*Facts, error) {
	m, config, err := parseImage(o.Manifest, o.Config)
	if err != nil {
		return nil, err
	}
	layers := layerReader{
		n: len(o.Dirs), source: "overlay",
		digest: func(i int) digest.Digest { return "" },
		read:   func(g *gatherer, i int) error { return g.readDisk(ctx, o.Dirs[i], true) },
	}
	if ids := config.RootFS.DiffIDs; len(ids) == len(o.Dirs) {
		layers.digest = func(i int) digest.Digest { return ids[i] }
	}
	return l.gather(ctx, rules, m, config, layers)
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
		n: len(m.Layers), source: "tar",
		digest: func(i int) digest.Digest { return m.Layers[i].Digest },
		read:   func(g *gatherer, i int) error { return g.readBlob(ctx, i, img) },
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
}

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
	g.boundary = base > 0
	for i := range layers {
		layers[i] = &Layer{Index: i, CreatedBy: created[i], Base: i < base, stage: InLayers}
		if len(config.RootFS.DiffIDs) == n {
			layers[i].DiffID = config.RootFS.DiffIDs[i]
		}
	}
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
	return &Facts{
		Stages: InRoot | InLayers | InConfig, Layers: layers, Root: newTree(layers, whole), Config: configOf(config, m, l.Base),
		madeBy: l.locate(layers),
	}, nil
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
	kept, d := "", in.digest(i)
	if g.cache != nil && d.Validate() == nil {
		kept = g.cache.name(in.source, d.String(), g.boundary && !g.layer.Base)
		if g.cache.load(kept, g) {
			return nil
		}
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

// readBlob fills the layer from its blob. A second look is taken only for hard links whose target is far away.
func (g *gatherer) readBlob(ctx context.Context, i int, img Image) error {
	var t *tarLayer
	err := g.withBlob(ctx, i, img, func(r io.Reader) (err error) {
		t, err = g.readTar(r)
		return err
	})
	if t == nil {
		return err
	}
	again := t.resolve()
	if err != nil || len(again) == 0 {
		return err
	}
	return g.withBlob(ctx, i, img, func(r io.Reader) error { return t.readAgain(r, again) })
}

func (g *gatherer) withBlob(ctx context.Context, i int, img Image, read func(io.Reader) error) error {
	blob, err := img.Layer(ctx, i)
	if err != nil {
		return fmt.Errorf("the layer cannot be fetched: %w", err)
	}
	defer blob.Close()
	packed := &counting{ctx: ctx, r: blob}
	plain, done, err := decompress(bufio.NewReaderSize(packed, 1<<20))
	if err != nil {
		return err
	}
	defer done()
	bounded := &bounded{r: plain, packed: packed, limits: g.limits}
	err = read(bufio.NewReaderSize(bounded, 1<<20))
	g.layer.Bytes = bounded.n
	return err
}

// maxWindow is how far back a zstd stream may reach, and so how much memory it takes. No tool writes layers with more than 8 MiB
// unasked.
const maxWindow = 64 << 20

// decompress takes the compression off a layer, by what it begins with and not by what its media type claims.
func decompress(r *bufio.Reader) (out io.Reader, done func(), err error) {
	head, _ := r.Peek(4)
	switch s := string(head); {
	case strings.HasPrefix(s, "\x1f\x8b"):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case s == "\x28\xb5\x2f\xfd" || strings.HasPrefix(s[min(1, len(s)):], "\x2a\x4d\x18") && s[0]&0xf0 == 0x50:
		// More than one goroutine for a stream was slower, and layers are read side by side anyway.
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}

// counting counts the bytes of a blob, and ends with its context.
type counting struct {
	ctx context.Context
	r   io.Reader
	n   int64
}

func (c *counting) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// bounded stops at a layer that unpacks to more than the limits allow.
type bounded struct {
	r      io.Reader
	packed *counting
	n      int64
	limits Limits
}

var errBomb = errors.New("the layer unpacks to more than the limit: the rest was not looked at")

func (b *bounded) Read(p []byte) (int, error) {
	const free = 1 << 30
	if b.n > b.limits.Bytes || b.n > free && b.n/max(1, b.packed.n) > b.limits.Ratio {
		return 0, errBomb
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	return n, err
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
