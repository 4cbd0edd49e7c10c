//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/blobs"
	"github.com/bootloom/bootloom/internal/tree"
	"github.com/bootloom/bootloom/registry"
)

// entry is an entry of a cache that is what was asked for.
type entry struct {
	image            bootc.Image
	manifest, config []byte
	own              []v1.Descriptor // layers that are not the base's
	diffIDs          []digest.Digest // theirs
}

// accept reads what an entry says, and checks all of it that can be known without its layers.
func (s *shared) accept(ctx context.Context, c registry.Client, info registry.ArtifactInfo) (*entry, error) {
	if info.Type != entryType || len(info.Files) < 2 || info.Files[0].MediaType != manifestType {
		return nil, refuse("it is not one of a build, but %s with %d files", info.Type, len(info.Files))
	}
	image := info.Files[0].Digest
	if image.Algorithm() != digest.Canonical {
		return nil, refuse("%s is not a digest as this engine makes it", image)
	}
	want, got := s.proof(image.String())[authentic], info.Annotations[authentic]
	if want != "" && !hmac.Equal([]byte(want), []byte(got)) {
		return nil, refuse("who made it does not have Options.Cache.Key")
	}
	out := &entry{}
	var err error
	for i, to := range []*[]byte{&out.manifest, &out.config} {
		if *to, err = c.GetBlob(ctx, info.Repository+"@"+info.Files[i].Digest.String(), maxJSON); err != nil {
			return nil, err
		}
	}
	var m v1.Manifest
	var config v1.Image
	if err := errors.Join(json.Unmarshal(out.manifest, &m), json.Unmarshal(out.config, &config)); err != nil {
		return nil, refuse("%w", err)
	}
	// With a field twice it could say one thing here and another to a device.
	again, err := json.Marshal(v1.Manifest{Versioned: m.Versioned, MediaType: m.MediaType, Layers: m.Layers, Annotations: m.Annotations,
		Config: v1.Descriptor{MediaType: m.Config.MediaType, Digest: m.Config.Digest, Size: m.Config.Size}})
	if err != nil || !bytes.Equal(again, out.manifest) {
		return nil, refuse("its manifest is not as this engine writes it")
	}
	base, err := s.base(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := s.compare(m, config, info.Files[1:], base); err != nil {
		return nil, err
	}
	n := 0
	out.image = bootc.Image{Digest: image, MediaType: m.MediaType, Platform: s.platform, Location: "oci:" + s.e.image(image) + ":image"}
	if base != nil {
		n = base.layers
		out.image.BaseDigest, out.image.BaseLocation = base.Digest, base.Location
	}
	for i, l := range m.Layers {
		out.image.Layers = append(out.image.Layers, bootc.Layer{Digest: l.Digest, DiffID: config.RootFS.DiffIDs[i], MediaType: l.MediaType,
			Size: l.Size, FromBase: i < n, Features: bootc.LayerFeatures(l.Annotations)})
	}
	out.own, out.diffIDs = m.Layers[n:], config.RootFS.DiffIDs[n:]
	return out, nil
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("the entry is refused: "+format, args...)
}

// compare checks an image against the plan and its base. files are the config and the layers that the entry has.
func (s *shared) compare(m v1.Manifest, config v1.Image, files []registry.FileInfo, base *onRegistry) error {
	if m.MediaType != v1.MediaTypeImageManifest || m.Config.MediaType != v1.MediaTypeImageConfig || len(m.Layers) != len(config.RootFS.DiffIDs) {
		return refuse("its manifest and config are not those of an image")
	}
	var about *pulled
	n := 0
	if base != nil {
		about, n = &base.pulled, base.layers
		layers, err := baseLayers(about, config.RootFS.DiffIDs)
		if err != nil {
			return refuse("%w", err)
		}
		if len(m.Layers) < n || !slices.EqualFunc(m.Layers[:n], layers, sameBlob) {
			return refuse("it does not have the layers of the base %s", base.Digest)
		}
	}
	have := append([]v1.Descriptor{m.Config}, m.Layers[n:]...)
	if !slices.EqualFunc(have, files, func(d v1.Descriptor, f registry.FileInfo) bool {
		return d.Digest == f.Digest && d.Size == f.Size && f.Title == d.Digest.Encoded() && d.Digest.Algorithm() == digest.Canonical
	}) {
		return refuse("its files are not what its manifest lists")
	}
	kind := blobs.MediaType(s.e.o.Compression)
	for _, l := range m.Layers[n:] {
		if plain := (v1.Descriptor{MediaType: kind, Digest: l.Digest, Size: l.Size, Annotations: l.Annotations}); !reflect.DeepEqual(l, plain) {
			return refuse("layer %s is not one of %s, and nothing else", l.Digest, kind)
		}
	}
	os, arch, _ := splitPlatform(s.platform)
	if config.OS != os || config.Architecture != arch {
		return refuse("it is for %s/%s, not for %s", config.OS, config.Architecture, s.platform)
	}
	epoch := epochOf(s.plan)
	if config.Created == nil || !config.Created.Equal(epoch) {
		return refuse("it was not made at the time of the plan, %s", epoch)
	}
	if want := annotations(s.plan.Base.Ref, about, epoch, s.plan.Annotations); !maps.Equal(want, m.Annotations) {
		return refuse("it has the annotations %v, not %v", m.Annotations, want)
	}
	return nil
}

// sameBlob says that the descriptors are the same, with annotations that are missing or empty.
func sameBlob(a, b v1.Descriptor) bool {
	same := maps.Equal(a.Annotations, b.Annotations)
	a.Annotations, b.Annotations = nil, nil
	return same && reflect.DeepEqual(a, b)
}

// onRegistry is a base that is known by its manifest and config alone.
type onRegistry struct {
	pulled
	layers int
}

// base reads the manifest and config of the image that the plan builds on; nil if that is none.
func (s *shared) base(ctx context.Context, c registry.Client) (*onRegistry, error) {
	_, froms, err := withMarkers(s.plan.Containerfile, s.plan.Base)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(froms, func(f from) bool { return f.Base })
	if i < 0 {
		return nil, nil
	}
	r, err := c.Open(ctx, bootc.Image{Location: froms[i].Image}, s.platform)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if d := s.plan.Base.Digest; d != r.Manifest.Digest && d != "" {
		return nil, &bootc.OpError{Op: "build", Ref: froms[i].Image, Err: bootc.ErrChanged}
	}
	b := &onRegistry{pulled{Ref: froms[i].Image, Digest: r.Manifest.Digest, Manifest: r.Manifest.Data, Type: r.Manifest.MediaType,
		Config: r.ConfigData, Location: froms[i].Image}, len(r.Layers)}
	if r.Repository != "" {
		b.Location = "docker://" + r.Repository + "@" + r.Manifest.Digest.String()
	}
	return b, nil
}

// checkLayer fails unless what is packed in a file has the diff id.
func checkLayer(ctx context.Context, file string, want digest.Digest) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer stop()
	tar, err := tree.Decompress(f)
	if err != nil {
		return refuse("layer %s: %w", want, err)
	}
	defer tar.Close()
	sum := digest.Canonical.Digester()
	if _, err := io.Copy(sum.Hash(), tar); err != nil {
		return errors.Join(context.Cause(ctx), refuse("layer %s: %w", want, err))
	}
	if got := sum.Digest(); got != want {
		return refuse("what should be layer %s is %s", want, got)
	}
	return nil
}
