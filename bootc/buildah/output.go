//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"

	"github.com/bootloom/bootloom/bootc"
)

// target is a parsed BuildOptions.Output.
type target struct {
	archive    bool
	path, name string
}

func parseOutput(s string) (target, error) {
	kind, path, ok := localPath(s)
	if !ok {
		return target{}, fmt.Errorf("BuildOptions.Output: %q is neither empty nor oci:DIR[:NAME] nor oci-archive:FILE[:NAME]", s)
	}
	_, name, _ := strings.Cut(strings.TrimPrefix(s, kind+":"), ":")
	return target{kind == "oci-archive", path, name}, nil
}

func (t target) String() string {
	kind := "oci:"
	if t.archive {
		kind = "oci-archive:"
	}
	if t.name == "" {
		return kind + t.path
	}
	return kind + t.path + ":" + t.name
}

// output copies an image of the engine's own store to where the caller wants it, with all its blobs.
func (e *Engine) output(ctx context.Context, img bootc.Image, to string) (_ bootc.Image, err error) {
	defer func() {
		if err != nil {
			err = &bootc.OpError{Op: "output", Ref: to, Err: noSpace(err)}
		}
	}()
	t, err := parseOutput(to)
	if err != nil {
		return bootc.Image{}, err
	}
	ses, err := newSession(e.o)
	if err != nil {
		return bootc.Image{}, err
	}
	defer ses.discard()
	own := filepath.Join(e.o.Root, "images", img.Digest.Encoded())
	var index v1.Index
	if err := readJSON(filepath.Join(own, v1.ImageIndexFile), &index); err != nil {
		return bootc.Image{}, err
	}
	desc := index.Manifests[0]
	desc.Annotations = nil
	if t.name != "" {
		desc.Annotations = map[string]string{v1.AnnotationRefName: t.name}
	}
	if t.archive {
		err = t.writeArchive(func(s sink, index []v1.Descriptor) error {
			return e.fill(ctx, ses, s, own, img, append(index, desc))
		})
	} else {
		err = t.writeDir(func(s sink, index []v1.Descriptor) error {
			index = slices.DeleteFunc(index, func(d v1.Descriptor) bool {
				return d.Digest == desc.Digest && d.Annotations[v1.AnnotationRefName] == "" ||
					d.Annotations[v1.AnnotationRefName] == t.name
			})
			return e.fill(ctx, ses, s, own, img, append(index, desc))
		})
	}
	if err != nil {
		return bootc.Image{}, err
	}
	img.Location = t.String()
	return img, nil
}

// fill writes every blob of img, then the index that makes them an image.
func (e *Engine) fill(ctx context.Context, ses *session, s sink, own string, img bootc.Image, index []v1.Descriptor) error {
	var m v1.Manifest
	if err := readJSON(filepath.Join(own, v1.ImageBlobsDir, "sha256", img.Digest.Encoded()), &m); err != nil {
		return err
	}
	var base types.ImageSource
	blobs := append([]v1.Descriptor{{Digest: img.Digest}, m.Config}, m.Layers...)
	for _, d := range blobs {
		if s.has(d.Digest) {
			continue
		}
		name := filepath.Join(v1.ImageBlobsDir, d.Digest.Algorithm().String(), d.Digest.Encoded())
		var r io.ReadCloser
		f, err := os.Open(filepath.Join(own, name))
		size := d.Size
		switch {
		case err == nil:
			info, err := f.Stat()
			if err != nil {
				return err
			}
			r, size = f, info.Size()
		case !errors.Is(err, fs.ErrNotExist):
			return err
		default:
			if base == nil {
				if base, err = e.openBase(ctx, ses, img.BaseLocation); err != nil {
					return err
				}
				defer base.Close()
			}
			if r, _, err = base.GetBlob(ctx, types.BlobInfo{Digest: d.Digest, Size: d.Size}, none.NoCache); err != nil {
				return fmt.Errorf("read the base's blob %s: %w", d.Digest, err)
			}
		}
		verified := d.Digest.Verifier()
		err = s.put(name, size, io.TeeReader(io.LimitReader(reader{ctx, r}, size), verified))
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		if !verified.Verified() {
			return fmt.Errorf("blob %s has other content than its digest says", d.Digest)
		}
	}
	for _, f := range []struct {
		name string
		v    any
	}{
		{v1.ImageLayoutFile, v1.ImageLayout{Version: v1.ImageLayoutVersion}},
		{v1.ImageIndexFile, v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: index}},
	} {
		data, err := json.Marshal(f.v)
		if err != nil {
			return err
		}
		if err := s.put(f.name, int64(len(data)), strings.NewReader(string(data))); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) openBase(ctx context.Context, ses *session, location string) (types.ImageSource, error) {
	ref, err := parseRef(location)
	if err != nil {
		return nil, err
	}
	sys, cleanup, err := e.registry(ses).System()
	if err != nil {
		return nil, err
	}
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		cleanup()
		return nil, err
	}
	return &sourceWith{src, cleanup}, nil
}

// sourceWith removes the files of its context when it is closed.
type sourceWith struct {
	types.ImageSource
	cleanup func() error
}

func (s *sourceWith) Close() error { return errors.Join(s.ImageSource.Close(), s.cleanup()) }

// reader fails once its context is done.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func readJSON(name string, v any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}
