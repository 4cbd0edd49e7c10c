//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/blobs"
)

// export turns an image of the store, whose layers are uncompressed, into one that can be published: the layers of the
// base as the base's own manifest lists them, and the new ones, each compressed once. What the base does not have
// goes into an OCI layout of its own.
func (w *worker) export(ctx context.Context, id string, base *pulled) (*built, error) {
	img, err := w.store.Image(id)
	if err != nil {
		return nil, err
	}
	raw, err := w.store.ImageBigData(img.ID, storage.ImageDigestBigDataKey)
	if err != nil {
		return nil, err
	}
	var committed v1.Manifest
	if err := json.Unmarshal(raw, &committed); err != nil {
		return nil, err
	}
	configBytes, err := w.store.ImageBigData(img.ID, committed.Config.Digest.String())
	if err != nil {
		return nil, err
	}
	if len(w.Labels) > 0 {
		if configBytes, err = withLabels(configBytes, w.Labels, w.Epoch); err != nil {
			return nil, err
		}
	}
	var config v1.Image
	if err := json.Unmarshal(configBytes, &config); err != nil {
		return nil, err
	}
	diffIDs := config.RootFS.DiffIDs
	ids, err := w.layerIDs(img, diffIDs)
	if err != nil {
		return nil, err
	}
	result := bootc.Image{MediaType: v1.MediaTypeImageManifest, Platform: w.Platform, Base: w.Ref}
	var layers []v1.Descriptor
	if base != nil {
		result.BaseDigest, result.BaseLocation = base.Digest, base.Location
		if layers, err = baseLayers(base, diffIDs); err != nil {
			return nil, err
		}
		if base.Location == "" && len(layers) > 0 {
			w.emit(bootc.Event{Kind: bootc.EventWarning, Op: "commit", Ref: base.Ref,
				Text: "the base is only in the engine's store, without its compressed layers: they are compressed anew, and devices that have the base will download them again"})
			layers = nil
		}
	}
	fromBase := len(layers)

	store := &blobs.Store{Root: filepath.Join(w.Root, "blobs"), Session: w.Session.ID}
	w.emit(bootc.Event{Kind: bootc.EventStart, Op: "commit", Ref: w.Ref, Platform: w.Platform})
	for i := fromBase; i < len(diffIDs); i++ {
		d, err := w.layer(store, ids[i], diffIDs[i])
		if err != nil {
			return nil, &bootc.OpError{Op: "commit", Ref: diffIDs[i].String(), Err: err}
		}
		d.Annotations = w.madeBy(i-fromBase, len(diffIDs)-fromBase)
		layers = append(layers, d)
	}
	for i, l := range layers {
		if w.Driver == "overlay" {
			if err := w.keepTree(l.Digest, filepath.Join(w.Root, "storage", w.Driver, ids[i], "diff")); err != nil {
				return nil, err
			}
		}
		result.Layers = append(result.Layers, bootc.Layer{Digest: l.Digest, DiffID: diffIDs[i], MediaType: l.MediaType,
			Size: l.Size, FromBase: i < fromBase, Features: bootc.LayerFeatures(l.Annotations)})
	}
	configDesc := v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromBytes(configBytes), Size: int64(len(configBytes))}
	m := v1.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   v1.MediaTypeImageManifest,
		Config:      configDesc,
		Layers:      layers,
		Annotations: annotations(w.Ref, base, w.Epoch, w.Annotations),
	}
	manifestBytes, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	result.Digest = digest.FromBytes(manifestBytes)
	err = store.Layout(filepath.Join(w.Root, "images", result.Digest.Encoded()), w.Platform, manifestBytes, configBytes, layers[fromBase:])
	if err != nil {
		return nil, &bootc.OpError{Op: "commit", Ref: result.Digest.String(), Err: err}
	}
	result.Location = "oci:" + filepath.Join(w.Root, "images", result.Digest.Encoded()) + ":image"
	w.emit(bootc.Event{Kind: bootc.EventDone, Op: "commit", Ref: result.Digest.String(), Platform: w.Platform})
	return &built{result}, nil
}

// layerIDs are the ids of the image's layers in the store, the lowest first.
func (w *worker) layerIDs(img *storage.Image, diffIDs []digest.Digest) ([]string, error) {
	var ids []string
	for id := img.TopLayer; id != ""; {
		l, err := w.store.Layer(id)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
		if i := len(diffIDs) - len(ids); i < 0 || l.UncompressedDigest != diffIDs[i] {
			return nil, fmt.Errorf("layer %s of the store does not fit the config of the image", id)
		}
		id = l.Parent
	}
	if len(ids) != len(diffIDs) {
		return nil, fmt.Errorf("the image has %d layers in the store and %d in its config", len(ids), len(diffIDs))
	}
	slices.Reverse(ids)
	return ids, nil
}

// baseLayers are the descriptors that the base's own manifest has, in OCI's media types, if the image is built on them.
func baseLayers(base *pulled, diffIDs []digest.Digest) ([]v1.Descriptor, error) {
	var config v1.Image
	if err := json.Unmarshal(base.Config, &config); err != nil {
		return nil, err
	}
	n := len(config.RootFS.DiffIDs)
	if n > len(diffIDs) || !slices.Equal(config.RootFS.DiffIDs, diffIDs[:n]) {
		return nil, fmt.Errorf("the image does not start with the layers of its base %s", base.Digest)
	}
	m, err := manifest.FromBlob(base.Manifest, base.Type)
	if err != nil {
		return nil, err
	}
	infos := m.LayerInfos()
	if len(infos) != n {
		return nil, fmt.Errorf("the base %s has %d layers and %d diff ids", base.Digest, len(infos), n)
	}
	var out []v1.Descriptor
	for _, l := range infos {
		kind := l.MediaType
		switch kind {
		case manifest.DockerV2Schema2LayerMediaType:
			kind = v1.MediaTypeImageLayerGzip
		case manifest.DockerV2SchemaLayerMediaTypeUncompressed:
			kind = v1.MediaTypeImageLayer
		case manifest.DockerV2SchemaLayerMediaTypeZstd:
			kind = v1.MediaTypeImageLayerZstd
		case v1.MediaTypeImageLayer, v1.MediaTypeImageLayerGzip, v1.MediaTypeImageLayerZstd:
		default:
			return nil, fmt.Errorf("layer %s of the base has media type %s, which has no place in an OCI manifest", l.Digest, kind)
		}
		out = append(out, v1.Descriptor{MediaType: kind, Digest: l.Digest, Size: l.Size, Annotations: l.Annotations})
	}
	return out, nil
}

// annotations are the plan's, with what it could not know, and without a path of this machine: the digest of the image
// must not depend on where a base lies.
func annotations(ref string, base *pulled, epoch time.Time, plan map[string]string) map[string]string {
	a := map[string]string{v1.AnnotationCreated: epoch.UTC().Format(time.RFC3339)}
	if base != nil {
		a[v1.AnnotationBaseImageDigest] = base.Digest.String()
		if strings.HasPrefix(base.Location, "docker://") {
			a[v1.AnnotationBaseImageName] = strings.TrimPrefix(ref, "docker://")
		}
	}
	maps.Copy(a, plan)
	return a
}

// madeBy is the annotation of new layer i of n. Without a layer for each step, all features made it.
func (w *worker) madeBy(i, n int) map[string]string {
	var features []string
	switch {
	case n == len(w.LayerFeatures):
		features = w.LayerFeatures[i]
	case n == 1:
		for _, f := range slices.Concat(w.LayerFeatures...) {
			if !slices.Contains(features, f) {
				features = append(features, f)
			}
		}
	}
	if len(features) == 0 {
		return nil
	}
	return map[string]string{bootc.AnnotationFeatures: strings.Join(features, ",")}
}

// layer is a layer of the store as a compressed blob.
func (w *worker) layer(store *blobs.Store, id string, diffID digest.Digest) (v1.Descriptor, error) {
	if d, ok := store.Find(w.Compression, diffID); ok {
		return d, nil
	}
	plain := archive.Uncompressed // the default is what the layer came as
	diff, err := w.store.Diff("", id, &storage.DiffOptions{Compression: &plain})
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer diff.Close()
	check := digest.Canonical.Digester()
	d, err := store.Compress(w.Compression, io.TeeReader(diff, check.Hash()))
	if err != nil {
		return v1.Descriptor{}, err
	}
	if check.Digest() != diffID {
		return v1.Descriptor{}, fmt.Errorf("the store returned %s for layer %s", check.Digest(), diffID)
	}
	return d, store.Remember(w.Compression, diffID, d)
}
