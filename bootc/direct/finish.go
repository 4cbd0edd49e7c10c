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
	"github.com/bootloom/bootloom/internal/ociconfig"
)

// finish adds the tail of a plan to the ground, and makes an image of it.
func (e *Engine) finish(ctx context.Context, p bootc.Plan, b *known, g *ground, tail []step, secrets map[string][]byte, on func(bootc.Event)) (bootc.Image, error) {
	epoch := time.Unix(max(p.Epoch.Unix(), 0), 0).UTC()
	layers, err := e.layers(ctx, p, g, tail, secrets, epoch, b.Platform, on)
	if err != nil {
		return bootc.Image{}, err
	}
	config, err := configOf(g, tail, layers, epoch)
	if err != nil {
		return bootc.Image{}, err
	}
	m := v1.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   v1.MediaTypeImageManifest,
		Config:      v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))},
		Layers:      ociLayers(g.manifest.Layers),
		Annotations: annotations(p, b, epoch),
	}
	img := bootc.Image{MediaType: m.MediaType, Platform: b.Platform, BaseDigest: b.Digest, BaseLocation: b.Location, Layers: slices.Clone(g.image.Layers)}
	made := p.LayerFeatures()
	for i, l := range layers {
		features := made[len(made)-len(layers)+i] // each step that adds files is one that writes
		l.blob.Annotations = map[string]string{bootc.AnnotationFeatures: strings.Join(features, ",")}
		m.Layers = append(m.Layers, l.blob)
		img.Layers = append(img.Layers, bootc.Layer{Digest: l.blob.Digest, DiffID: l.diffID, MediaType: l.blob.MediaType, Size: l.blob.Size, Features: features})
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		return bootc.Image{}, err
	}
	img.Digest = digest.FromBytes(manifest)
	dir := filepath.Join(e.o.Root, "images", img.Digest.Encoded())
	mine, err := e.gather(g, m.Layers[len(g.manifest.Layers):])
	if err == nil {
		err = e.blobs.Layout(dir, b.Platform, manifest, config, mine)
	}
	if err != nil {
		return bootc.Image{}, &bootc.OpError{Op: "commit", Ref: img.Digest.String(), Err: err}
	}
	img.Location = "oci:" + dir + ":image"
	on(bootc.Event{Kind: bootc.EventDone, Op: "commit", Ref: img.Digest.String(), Platform: b.Platform})
	return img, nil
}

// layers writes the layers, several at once.
func (e *Engine) layers(ctx context.Context, p bootc.Plan, g *ground, tail []step, secrets map[string][]byte, epoch time.Time, platform string, on func(bootc.Event)) ([]*layer, error) {
	var out []*layer
	own := map[string]dir{}
	for _, s := range tail {
		if len(s.labels) > 0 {
			continue
		}
		entries := s.entries
		if s.secret != "" {
			entries = withSecret(entries, secrets[s.secret])
		}
		archive, err := g.lay(entries, own, epoch)
		if err != nil {
			return nil, err
		}
		archive.Name = s.text
		out = append(out, &layer{archive: archive, text: s.text, step: s.index})
	}
	stage, steps := len(p.Containerfile.Stages)-1, len(p.Containerfile.Stages[len(p.Containerfile.Stages)-1].Steps)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var writing sync.WaitGroup
	for _, l := range out {
		on(bootc.Event{Kind: bootc.EventStep, Op: "build", Platform: platform, Step: l.step + 1, Steps: steps, Text: l.text, Features: p.Features(stage, l.step)})
		writing.Go(func() {
			if err := e.write(ctx, l); err != nil {
				cancel(err)
			}
		})
	}
	writing.Wait()
	return out, context.Cause(ctx)
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
