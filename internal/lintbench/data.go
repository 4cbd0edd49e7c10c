package main

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// layers of an image: seven of a base, one on top.
const layers = 8

// data is what is linted.
type data struct {
	dir, tree string
	files     []string // paths in the tree
	sizes     []int64
	bytes     int64
}

// collect makes a tree of links to files of this machine.
func collect(dir string, entries int, most int64) (*data, error) {
	d := &data{dir: dir, tree: filepath.Join(dir, "tree")}
	if err := os.Mkdir(d.tree, 0o755); err != nil {
		return nil, err
	}
	for _, root := range []string{"/etc", "/usr"} {
		err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
			if err != nil || len(d.files) >= entries {
				return errors.Join(err, fs.SkipAll)
			}
			return d.add(p, e, most)
		})
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *data) add(p string, e fs.DirEntry, most int64) error {
	info, err := e.Info()
	if err != nil {
		return nil
	}
	to := filepath.Join(d.tree, p)
	var size int64
	switch info.Mode().Type() {
	case fs.ModeDir:
		err = os.MkdirAll(to, 0o755)
	case fs.ModeSymlink:
		var target string
		if target, err = os.Readlink(p); err == nil {
			err = os.Symlink(target, to)
		}
	case 0:
		size = info.Size()
		if d.bytes+size > most || size > 64<<20 {
			return nil
		}
		if err = os.Link(p, to); err != nil { // another file system
			err = copyFile(p, to, info.Mode().Perm())
		}
	default:
		return nil
	}
	d.files, d.sizes, d.bytes = append(d.files, p), append(d.sizes, size), d.bytes+size
	return err
}

func copyFile(from, to string, mode fs.FileMode) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, mode)
}

func (d *data) where(kind string) string { return "oci:" + filepath.Join(d.dir, kind) + ":image" }

// layout writes the tree as an OCI layout with layers of about the same size.
func (d *data) layout(ctx context.Context, kind string) error {
	dir := filepath.Join(d.dir, kind)
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	c := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, RootFS: v1.RootFS{Type: "layers"}}
	c.Config.Labels = map[string]string{"containers.bootc": "1"}
	next := 0
	for i := range layers {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		first, size := next, int64(0)
		for next < len(d.files) && (size < d.bytes/layers || i == layers-1) {
			size += d.sizes[next]
			next++
		}
		desc, diffID, err := d.layer(blobs, kind, d.files[first:next])
		if err != nil {
			return err
		}
		m.Layers, c.RootFS.DiffIDs = append(m.Layers, desc), append(c.RootFS.DiffIDs, diffID)
	}
	put := func(mediaType string, v any) (v1.Descriptor, error) {
		b, err := json.Marshal(v)
		if err != nil {
			return v1.Descriptor{}, err
		}
		desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
		return desc, os.WriteFile(filepath.Join(blobs, desc.Digest.Encoded()), b, 0o644)
	}
	var err error
	if m.Config, err = put(v1.MediaTypeImageConfig, c); err != nil {
		return err
	}
	desc, err := put(v1.MediaTypeImageManifest, m)
	if err != nil {
		return err
	}
	desc.Annotations = map[string]string{v1.AnnotationRefName: "image"}
	index, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{desc}})
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644),
		os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
}

// layer writes one layer.
func (d *data) layer(blobs, kind string, files []string) (desc v1.Descriptor, diffID digest.Digest, err error) {
	f, err := os.CreateTemp(blobs, "new-")
	if err != nil {
		return desc, "", err
	}
	defer f.Close()
	packed, plain := digest.Canonical.Digester(), digest.Canonical.Digester()
	out := bufio.NewWriterSize(io.MultiWriter(f, packed.Hash()), 1<<20)
	var z io.WriteCloser
	switch kind {
	case "gzip":
		desc.MediaType = v1.MediaTypeImageLayerGzip
		z, err = gzip.NewWriterLevel(out, 6)
	default:
		desc.MediaType = v1.MediaTypeImageLayerZstd
		z, err = zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)))
	}
	if err != nil {
		return desc, "", err
	}
	tw := tar.NewWriter(io.MultiWriter(z, plain.Hash()))
	for _, p := range files {
		if err := d.entry(tw, p); err != nil {
			return desc, "", fmt.Errorf("%s: %w", p, err)
		}
	}
	if err := errors.Join(tw.Close(), z.Close(), out.Flush()); err != nil {
		return desc, "", err
	}
	desc.Digest = packed.Digest()
	desc.Size, err = f.Seek(0, io.SeekCurrent)
	if err != nil {
		return desc, "", err
	}
	return desc, plain.Digest(), os.Rename(f.Name(), filepath.Join(blobs, desc.Digest.Encoded()))
}

func (d *data) entry(tw *tar.Writer, p string) error {
	at := filepath.Join(d.tree, p)
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(at); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name, h.Uname, h.Gname = strings.TrimPrefix(p, "/"), "", ""
	if info.IsDir() {
		h.Name += "/"
	}
	if err := tw.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(at)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(tw, f, h.Size)
	return err
}
