package direct

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/gate"
	"github.com/bootloom/bootloom/internal/ociconfig"
)

// finish adds the tail of a plan to the ground, and makes an image of it.
func (e *Engine) finish(ctx context.Context, b *build, g *ground, tail []step) (bootc.Image, error) {
	epoch := time.Unix(max(b.plan.Epoch.Unix(), 0), 0).UTC()
	layers, err := b.layers(g, tail, epoch)
	if err != nil {
		return bootc.Image{}, err
	}
	if err := each(ctx, layers, e.sum); err != nil {
		return bootc.Image{}, err
	}
	known := !slices.ContainsFunc(layers, func(l *layer) bool { return !l.done })
	if known {
		if made, err := b.assemble(g, tail, layers, epoch); err == nil && e.has(made) {
			b.show(layers)
			return made.image, nil
		}
	}
	if g.image.Location == b.base.Location { // else the plan was checked before a part of it ran
		if err := b.gate.Plan(b.plan); err != nil {
			return bootc.Image{}, err
		}
	}
	b.show(layers)
	if err := each(ctx, layers, e.write); err != nil {
		return bootc.Image{}, err
	}
	made, err := b.assemble(g, tail, layers, epoch)
	if err == nil && g.image.Location != b.base.Location {
		err = e.check(ctx, b, g, made)
	}
	if err != nil {
		return bootc.Image{}, err
	}
	own, err := e.gather(g, made.layers[len(g.manifest.Layers):])
	if err == nil {
		err = e.blobs.Layout(made.dir, b.base.Platform, made.manifest, made.config, own)
	}
	if err == nil {
		err = e.approve(made)
	}
	if err != nil {
		return bootc.Image{}, &bootc.OpError{Op: "commit", Ref: made.image.Digest.String(), Err: err}
	}
	b.on(bootc.Event{Kind: bootc.EventDone, Op: "commit", Ref: made.image.Digest.String(), Platform: b.base.Platform})
	return made.image, nil
}

// made is an image that is ready to be written.
type made struct {
	image            bootc.Image
	dir              string // of its layout
	manifest, config []byte
	layers           []v1.Descriptor
	checks           digest.Digest // what it was, or will have been, checked for
}

// assemble makes manifest and config.
func (b *build) assemble(g *ground, tail []step, layers []*layer, epoch time.Time) (made, error) {
	config, err := configOf(g, tail, layers, epoch)
	if err != nil {
		return made{}, err
	}
	m := v1.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   v1.MediaTypeImageManifest,
		Config:      v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))},
		Layers:      ociLayers(g.manifest.Layers),
		Annotations: annotations(b.plan, b.base, epoch),
	}
	img := bootc.Image{MediaType: m.MediaType, Platform: b.base.Platform, BaseDigest: b.base.Digest, BaseLocation: b.base.Location, Layers: slices.Clone(g.image.Layers)}
	features := b.plan.LayerFeatures()
	features = features[len(features)-len(layers):] // each step that adds files is one that writes
	for i, l := range layers {
		d := l.blob
		d.Annotations = map[string]string{bootc.AnnotationFeatures: strings.Join(features[i], ",")}
		m.Layers = append(m.Layers, d)
		img.Layers = append(img.Layers, bootc.Layer{Digest: d.Digest, DiffID: l.diffID, MediaType: d.MediaType, Size: d.Size, Features: features[i]})
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		return made{}, err
	}
	img.Digest = digest.FromBytes(manifest)
	dir := filepath.Join(b.engine.o.Root, "images", img.Digest.Encoded())
	img.Location = "oci:" + dir + ":image"
	return made{img, dir, manifest, config, m.Layers, gate.ID(b.engine.o.Lint, b.engine.o.SkipLint)}, nil
}

// layers are what the tail comes to.
func (b *build) layers(g *ground, tail []step, epoch time.Time) ([]*layer, error) {
	var out []*layer
	own := map[string]dir{}
	for _, s := range tail {
		if len(s.labels) > 0 {
			continue
		}
		entries := s.entries
		if s.secret != "" {
			entries = withSecret(entries, b.secrets[s.secret])
		}
		archive, err := g.lay(entries, own, epoch)
		if err != nil {
			return nil, err
		}
		archive.Name = s.text
		out = append(out, &layer{archive: archive, text: s.text, step: s.index})
	}
	return out, nil
}

// show tells of the steps.
func (b *build) show(layers []*layer) {
	stage := len(b.plan.Containerfile.Stages) - 1
	for _, l := range layers {
		b.on(bootc.Event{Kind: bootc.EventStep, Op: "build", Platform: b.base.Platform, Step: l.step + 1, Steps: len(b.plan.Containerfile.Stages[stage].Steps),
			Text: l.text, Features: b.plan.Features(stage, l.step), Cached: l.done})
	}
}

// each does something for all layers at once. The first error ends the others.
func each(ctx context.Context, layers []*layer, do func(context.Context, *layer) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var work sync.WaitGroup
	for _, l := range layers {
		work.Go(func() {
			if err := do(ctx, l); err != nil {
				cancel(err)
			}
		})
	}
	work.Wait()
	return context.Cause(ctx)
}

// configOf is the config of the ground with the tail's labels and layers.
func configOf(g *ground, tail []step, layers []*layer, epoch time.Time) ([]byte, error) {
	c, err := ociconfig.Parse(g.config)
	if err != nil {
		return nil, err
	}
	for _, s := range tail {
		var diffID digest.Digest
		if len(s.labels) == 0 {
			diffID = layers[0].diffID
			layers = layers[1:]
		}
		for _, key := range slices.Sorted(maps.Keys(s.labels)) {
			c.Label(key, s.labels[key])
		}
		if err := c.Step(epoch, s.text, diffID); err != nil {
			return nil, err
		}
	}
	if err := c.Created(epoch); err != nil {
		return nil, err
	}
	return c.Marshal()
}

// ociLayers are the layers of a manifest in OCI's media types, and else as they are.
func ociLayers(layers []v1.Descriptor) []v1.Descriptor {
	out := slices.Clone(layers)
	for i := range out {
		switch out[i].MediaType { // of Docker's schema 2
		case "application/vnd.docker.image.rootfs.diff.tar.gzip":
			out[i].MediaType = v1.MediaTypeImageLayerGzip
		case "application/vnd.docker.image.rootfs.diff.tar":
			out[i].MediaType = v1.MediaTypeImageLayer
		case "application/vnd.docker.image.rootfs.diff.tar.zstd":
			out[i].MediaType = v1.MediaTypeImageLayerZstd
		}
	}
	return out
}

// annotations are the plan's, with what it could not know.
func annotations(p bootc.Plan, b *known, epoch time.Time) map[string]string {
	a := map[string]string{v1.AnnotationCreated: epoch.Format(time.RFC3339)}
	if b.Digest != "" {
		a[v1.AnnotationBaseImageDigest] = b.Digest.String()
		if strings.HasPrefix(b.Location, "docker://") {
			a[v1.AnnotationBaseImageName] = strings.TrimPrefix(p.Base.Ref, "docker://")
		}
	}
	maps.Copy(a, p.Annotations)
	return a
}

// gather has the blobs at hand that the ground keeps apart from its base: those of Options.Run's image.
func (e *Engine) gather(g *ground, own []v1.Descriptor) ([]v1.Descriptor, error) {
	rest, ok := strings.CutPrefix(g.image.Location, "oci:")
	from, _, _ := strings.Cut(rest, ":")
	var mine []v1.Descriptor
	for i, l := range g.image.Layers {
		if l.FromBase || !ok {
			continue
		}
		if err := e.blobs.Adopt(filepath.Join(from, v1.ImageBlobsDir, l.Digest.Algorithm().String(), l.Digest.Encoded()), l.Digest); err != nil {
			if os.IsNotExist(err) {
				continue // it is where the base is
			}
			return nil, err
		}
		mine = append(mine, g.manifest.Layers[i])
	}
	return append(mine, own...), nil
}
