package testkit

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// A Layer writes the entries of one layer. It must not close the writer.
type Layer func(*tar.Writer) error

// WriteLayout writes an OCI image layout (image-spec 1.1, image-layout.md) with one image of gzip layers to dir, which
// must not have one, and returns the descriptor of the manifest. config needs Architecture and OS; its RootFS is set here.
// The manifest is named "latest". The same input gives the same bytes.
func WriteLayout(dir string, config v1.Image, layers ...Layer) (v1.Descriptor, error) {
	var none v1.Descriptor
	if err := os.MkdirAll(filepath.Join(dir, v1.ImageBlobsDir, "sha256"), 0o755); err != nil {
		return none, err
	}
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	config.RootFS = v1.RootFS{Type: "layers"}
	for _, l := range layers {
		desc, diffID, err := writeLayer(dir, l)
		if err != nil {
			return none, err
		}
		manifest.Layers = append(manifest.Layers, desc)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
	}
	var err error
	if manifest.Config, err = writeJSON(dir, v1.MediaTypeImageConfig, config); err != nil {
		return none, err
	}
	desc, err := writeJSON(dir, v1.MediaTypeImageManifest, manifest)
	if err != nil {
		return none, err
	}
	named := desc
	named.Annotations = map[string]string{v1.AnnotationRefName: "latest"}
	named.Platform = &v1.Platform{Architecture: config.Architecture, OS: config.OS}
	index, err := json.Marshal(v1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{named},
	})
	if err != nil {
		return none, err
	}
	return desc, errors.Join(
		os.WriteFile(filepath.Join(dir, v1.ImageIndexFile), index, 0o644),
		os.WriteFile(filepath.Join(dir, v1.ImageLayoutFile), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
}

// layoutFiles returns the paths of everything in the layout, for the sums of a cache entry.
func layoutFiles(dir string) ([]string, error) {
	files := []string{v1.ImageIndexFile, v1.ImageLayoutFile}
	blobs, err := os.ReadDir(filepath.Join(dir, v1.ImageBlobsDir, "sha256"))
	for _, b := range blobs {
		files = append(files, filepath.Join(v1.ImageBlobsDir, "sha256", b.Name()))
	}
	return files, err
}

func writeLayer(dir string, l Layer) (v1.Descriptor, digest.Digest, error) {
	var none v1.Descriptor
	f, err := os.CreateTemp(filepath.Join(dir, v1.ImageBlobsDir), "layer-")
	if err != nil {
		return none, "", err
	}
	defer os.Remove(f.Name()) // does nothing once it is renamed
	defer f.Close()
	compressed, plain := sha256.New(), sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(f, compressed), 1<<18)
	gz, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return none, "", err
	}
	tw := tar.NewWriter(io.MultiWriter(gz, plain))
	if err := errors.Join(l(tw), tw.Close(), gz.Close(), out.Flush(), f.Chmod(0o644)); err != nil {
		return none, "", fmt.Errorf("write layer: %w", err)
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return none, "", err
	}
	desc := v1.Descriptor{MediaType: v1.MediaTypeImageLayerGzip, Size: size, Digest: sumDigest(compressed.Sum(nil))}
	return desc, sumDigest(plain.Sum(nil)), os.Rename(f.Name(), blobPath(dir, desc.Digest))
}

func writeJSON(dir, mediaType string, v any) (v1.Descriptor, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return v1.Descriptor{}, err
	}
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	return desc, os.WriteFile(blobPath(dir, desc.Digest), b, 0o644)
}

func sumDigest(sum []byte) digest.Digest {
	return digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(sum))
}

func blobPath(dir string, d digest.Digest) string {
	return filepath.Join(dir, v1.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}
