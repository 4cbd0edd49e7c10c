package registry

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// layout writes an OCI image layout (image-spec 1.1, image-layout.md).
type layout struct{ dir string }

// openLayout makes the directories that a layout needs.
func openLayout(dir string) (*layout, error) {
	l := &layout{dir}
	marker, err := os.ReadFile(filepath.Join(dir, v1.ImageLayoutFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if entries, _ := os.ReadDir(dir); len(entries) > 0 && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == v1.ImageBlobsDir }) {
			return nil, fmt.Errorf("%s has other files in it and is no OCI image layout", dir)
		}
	case err != nil:
		return nil, err
	case !bytes.Contains(marker, []byte("imageLayoutVersion")):
		return nil, fmt.Errorf("%s: its %s is not that of an OCI image layout", dir, v1.ImageLayoutFile)
	}
	return l, os.MkdirAll(filepath.Join(dir, v1.ImageBlobsDir, "sha256"), 0o755)
}

func (l *layout) path(d digest.Digest) string {
	return filepath.Join(l.dir, v1.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// has says whether a blob is there, whole and right.
func (l *layout) has(d v1.Descriptor) bool {
	f, err := os.Open(l.path(d.Digest))
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, verify(f, d))
	return err == nil
}

// put stores what r gives, which must fail if it is not d. A blob is there whole or not at all.
func (l *layout) put(d digest.Digest, r io.Reader) error {
	dir := filepath.Dir(l.path(d))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return replace(l.path(d), r)
}

func (l *layout) putBytes(d digest.Digest, b []byte) error { return l.put(d, bytes.NewReader(b)) }

// add lists an image in the index, in place of one of the same name or digest.
func (l *layout) add(d v1.Descriptor, name string) error {
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	file := filepath.Join(l.dir, v1.ImageIndexFile)
	if old, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(old, &index); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if name != "" {
		d.Annotations = map[string]string{v1.AnnotationRefName: name}
	}
	index.Manifests = slices.DeleteFunc(index.Manifests, func(o v1.Descriptor) bool {
		n := o.Annotations[v1.AnnotationRefName]
		return n == name && (name != "" || o.Digest == d.Digest)
	})
	index.Manifests = append(index.Manifests, d)
	b, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return errors.Join(
		replace(filepath.Join(l.dir, v1.ImageLayoutFile), bytes.NewReader([]byte(`{"imageLayoutVersion":"1.0.0"}`))),
		replace(file, bytes.NewReader(b)))
}

// archive writes the layout as a tar file; the same layout gives the same bytes.
func (l *layout) archive(ctx context.Context, file string) error {
	return replaceWith(file, func(w io.Writer) error {
		tw := tar.NewWriter(w)
		err := filepath.WalkDir(l.dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || path == l.dir {
				return err
			}
			if ctx.Err() != nil {
				return ended(ctx)
			}
			return addFile(tw, l.dir, path, e)
		})
		if err != nil {
			return err
		}
		return tw.Close()
	})
}

func addFile(tw *tar.Writer, root, path string, e fs.DirEntry) error {
	name, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	name = filepath.ToSlash(name)
	if e.IsDir() {
		return tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o644}); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(tw, f)
	return err
}

// replace writes a file beside its place and moves it there when it is whole.
func replace(file string, r io.Reader) error {
	return replaceWith(file, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

func replaceWith(file string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".bootloom-")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
