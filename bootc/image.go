package bootc

import "github.com/opencontainers/go-digest"

// Image is a built image, as a fact: it prints, compares and serialises, and there is nothing to close.
type Image struct {
	// Digest and MediaType of the manifest.
	Digest    digest.Digest
	MediaType string
	// Platform is os/arch[/variant].
	Platform string
	// Location is where the image can be read, as a containers/image name: oci:DIR:NAME or oci-archive:FILE:NAME.
	// Blobs that BaseLocation has may be missing there.
	Location string
	// Base is the reference that the Spec has, BaseDigest the manifest that was built on, and BaseLocation where
	// its blobs can be read: docker://repository@digest, oci:DIR:NAME, …
	Base         string
	BaseDigest   digest.Digest
	BaseLocation string
	// Layers of the manifest, the base's first.
	Layers []Layer
	// Spec is the identity of the Spec that the image was built from (Spec.ID), empty if unknown.
	Spec string
}

// Layer is one layer of an Image.
type Layer struct {
	Digest    digest.Digest // of the blob as the manifest lists it
	DiffID    digest.Digest // of the uncompressed tar
	MediaType string
	Size      int64 // bytes of the blob
	FromBase  bool  // listed by the base's manifest with this very digest
	// Features are the kinds of the features that made the layer ("Packages"), from AnnotationFeatures; empty if unknown.
	Features []string `json:",omitzero"`
}

// AnnotationFeatures is the annotation of a layer's descriptor that names the kinds of the features that made the layer,
// separated by commas. Engines set it; Diff counts by it.
const AnnotationFeatures = "io.github.bootloom.features"

// AddedBytes is the size of the layers that the base does not have: what a device that has the base downloads.
func (i Image) AddedBytes() int64 {
	var n int64
	for _, l := range i.Layers {
		if !l.FromBase {
			n += l.Size
		}
	}
	return n
}

// Compression is how an engine stores the layers that it adds. Those of the base stay as they are.
type Compression string

// The compressions.
const (
	Gzip Compression = "gzip" // every client reads it
	Zstd Compression = "zstd" // smaller and faster; needs clients of 2020 or newer
)
