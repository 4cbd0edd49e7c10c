// Package blobs keeps the compressed layers and the images of an engine: what package bootc/buildah and bootc/direct share.
package blobs

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/prune"
)

// Store keeps compressed layers by digest, and by the diff id they were made from, so that a layer is compressed
// once for all images that have it. Images link to its files. It may be used by several goroutines and processes.
type Store struct {
	// Root has blobs in sha256/HEX and, for each compression, which blob a diff id came to.
	Root string
	// Session begins, after a dot, the names of files that are being written. Its owner removes those of a dead one.
	Session string

	n atomic.Int64
}

// Path is where a blob lies, or would.
func (b *Store) Path(d digest.Digest) string {
	return filepath.Join(b.Root, d.Algorithm().String(), d.Encoded())
}

func (b *Store) diff(c bootc.Compression, diffID digest.Digest) string {
	return filepath.Join(b.Root, string(c), diffID.Encoded())
}

// Find looks for a layer that was compressed before.
func (b *Store) Find(c bootc.Compression, diffID digest.Digest) (d v1.Descriptor, ok bool) {
	data, err := os.ReadFile(b.diff(c, diffID))
	if err != nil || json.Unmarshal(data, &d) != nil || d.Digest.Validate() != nil {
		return v1.Descriptor{}, false
	}
	info, err := os.Stat(b.Path(d.Digest))
	if err != nil || info.Size() != d.Size {
		return d, false
	}
	prune.Touch(b.Path(d.Digest))
	return d, true
}

// Remember notes which blob the layer with a diff id came to.
func (b *Store) Remember(c bootc.Compression, diffID digest.Digest, d v1.Descriptor) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := b.create()
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return b.move(f.Name(), b.diff(c, diffID))
}

// create makes a file that a sweep knows as this session's.
func (b *Store) create() (*os.File, error) {
	if err := os.MkdirAll(b.Root, 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(b.Root, fmt.Sprintf(".%s.%d", b.Session, b.n.Add(1))), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
}

func (b *Store) move(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// Compress stores a layer. The same tar gives the same blob: neither a time nor a number of CPUs has a say.
func (b *Store) Compress(c bootc.Compression, tar io.Reader) (v1.Descriptor, error) {
	f, err := b.create()
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	digester := digest.Canonical.Digester()
	out := io.MultiWriter(f, digester.Hash())
	var z io.WriteCloser
	in := bufio.NewReaderSize(tar, smallLayer)
	d := v1.Descriptor{MediaType: MediaType(c)}
	if c == bootc.Zstd {
		z, err = zstd.NewWriter(out, zstd.WithEncoderConcurrency(1))
	} else {
		_, end := in.Peek(smallLayer)
		z, err = newGzip(out, end == io.EOF)
	}
	if err != nil {
		return v1.Descriptor{}, err
	}
	_, err = io.Copy(z, in)
	if err := errors.Join(err, z.Close()); err != nil {
		return v1.Descriptor{}, err
	}
	// Nothing is synced to the disk: what a power cut leaves of a file is shorter, Find looks at the size, and whoever reads a
	// blob compares its digest.
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return v1.Descriptor{}, err
	}
	d.Digest, d.Size = digester.Digest(), info.Size()
	return d, b.move(f.Name(), b.Path(d.Digest))
}

// MediaType of layers that Compress makes.
func MediaType(c bootc.Compression) string {
	if c == bootc.Zstd {
		return v1.MediaTypeImageLayerZstd
	}
	return v1.MediaTypeImageLayerGzip
}

// newGzip compresses a megabyte on each CPU. For a small layer, which is one piece in any case, that would cost more time for
// memory than for what the layer says.
func newGzip(out io.Writer, small bool) (*pgzip.Writer, error) {
	z, err := pgzip.NewWriterLevel(out, gzipLevel)
	if err == nil && small {
		err = z.SetConcurrency(smallLayer, 1)
	}
	return z, err
}

const smallLayer = 128 << 10

// gzipLevel is where more effort stops to pay: measured on binaries and configuration files.
const gzipLevel = 5

// Adopt takes in a blob that is a file elsewhere, by a link to it if the file system can.
func (b *Store) Adopt(file string, d digest.Digest) error {
	if _, err := os.Stat(b.Path(d)); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(b.Path(d)), 0o755); err != nil {
		return err
	}
	err := os.Link(file, b.Path(d))
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
		return err
	}
	from, err := os.Open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := b.create()
	if err != nil {
		return err
	}
	defer os.Remove(to.Name())
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	return b.move(to.Name(), b.Path(d))
}

// Layout makes an OCI layout at dir that has the manifest, the config and the given layers.
func (b *Store) Layout(dir, platform string, manifest, config []byte, layers []v1.Descriptor) error {
	if _, err := os.Stat(dir); err == nil {
		prune.Touch(dir)
		return nil // the same digest: the same content
	}
	temp := filepath.Join(filepath.Dir(dir), fmt.Sprintf(".%s.%d", b.Session, b.n.Add(1)))
	blobs := filepath.Join(temp, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	for _, data := range [][]byte{manifest, config} {
		if err := os.WriteFile(filepath.Join(blobs, digest.FromBytes(data).Encoded()), data, 0o644); err != nil {
			return err
		}
	}
	for _, l := range layers {
		err := os.Link(b.Path(l.Digest), filepath.Join(blobs, l.Digest.Encoded()))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	goos, arch, _ := strings.Cut(platform, "/")
	arch, variant, _ := strings.Cut(arch, "/")
	if err := errors.Join(
		writeJSON(filepath.Join(temp, v1.ImageLayoutFile), v1.ImageLayout{Version: v1.ImageLayoutVersion}),
		writeJSON(filepath.Join(temp, v1.ImageIndexFile), v1.Index{
			Versioned: specs.Versioned{SchemaVersion: 2},
			MediaType: v1.MediaTypeImageIndex,
			Manifests: []v1.Descriptor{{
				MediaType: v1.MediaTypeImageManifest, Digest: digest.FromBytes(manifest), Size: int64(len(manifest)),
				Platform:    &v1.Platform{OS: goos, Architecture: arch, Variant: variant},
				Annotations: map[string]string{v1.AnnotationRefName: "image"},
			}},
		})); err != nil {
		return err
	}
	err := os.Rename(temp, dir)
	if errors.Is(err, fs.ErrExist) {
		return nil // another build of the same image was faster
	}
	return err
}

func writeJSON(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}
