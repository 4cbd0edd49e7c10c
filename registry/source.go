package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/errdef"
)

// source is where manifests and blobs come from.
type source interface {
	// manifest returns the manifest with a digest (or, from a registry, a tag), checked.
	manifest(ctx context.Context, target string) (Manifest, error)
	// blob opens a blob at an offset, unchecked. What is not there is ErrNotFound.
	blob(ctx context.Context, d v1.Descriptor, off int64) (io.ReadCloser, error)
}

// location is a parsed containers/image name.
type location struct{ transport, path, name string }

// parseLocation reads oci:DIR[:NAME], oci-archive:FILE[:NAME] and docker://REFERENCE.
func parseLocation(s string) (location, error) {
	transport, rest, _ := strings.Cut(s, ":")
	switch transport {
	case "docker":
		return location{transport, strings.TrimPrefix(rest, "//"), ""}, nil
	case "oci", "oci-archive":
		drive := ""
		if runtime.GOOS == "windows" && len(rest) > 1 && rest[1] == ':' {
			drive, rest = rest[:2], rest[2:]
		}
		path, name, _ := strings.Cut(rest, ":")
		if path != "" {
			return location{transport, drive + path, name}, nil
		}
	}
	return location{}, fmt.Errorf("cannot use the location %q: want oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker://REFERENCE", clip(s))
}

// layoutSource is an OCI image layout, a directory or a tar file.
type layoutSource struct {
	where   string
	storage *oci.ReadOnlyStorage
}

// open returns the source at a location.
func (s *session) open(ctx context.Context, where string) (source, error) {
	l, err := parseLocation(where)
	if err != nil {
		return nil, err
	}
	switch l.transport {
	case "docker":
		r, err := parse(l.path)
		if err != nil {
			return nil, err
		}
		return s.repo(ctx, r)
	case "oci-archive":
		storage, err := oci.NewStorageFromTar(l.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		return &layoutSource{where, storage}, nil
	}
	if _, err := os.Stat(l.path); err != nil {
		return nil, err
	}
	return &layoutSource{where, oci.NewStorageFromFS(os.DirFS(l.path))}, nil
}

func (l *layoutSource) blob(ctx context.Context, d v1.Descriptor, off int64) (io.ReadCloser, error) {
	r, err := l.storage.Fetch(ctx, d)
	if errors.Is(err, errdef.ErrNotFound) {
		return nil, fmt.Errorf("%s: %w in %s", d.Digest, ErrNotFound, l.where)
	}
	if err != nil {
		return nil, err
	}
	return forward(r, off)
}

// forward moves a reader on by so many bytes: by seeking if it can, and otherwise by reading.
func forward(r io.ReadCloser, n int64) (io.ReadCloser, error) {
	var err error
	if s, ok := r.(io.Seeker); ok {
		_, err = s.Seek(n, io.SeekCurrent)
	} else {
		_, err = io.CopyN(io.Discard, r, n)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (l *layoutSource) manifest(ctx context.Context, target string) (Manifest, error) {
	d, err := descriptor(target)
	if err != nil {
		return Manifest{}, err
	}
	r, err := l.blob(ctx, d, 0)
	if err != nil {
		return Manifest{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return Manifest{}, err
	}
	return asManifest(target, "", data)
}

// imageSource is where a bootc.Image can be read: its location, and for blobs that are missing there its base's,
// which is opened when it is first needed.
type imageSource struct {
	image source
	base  func(context.Context) (source, error)
}

func (i *imageSource) manifest(ctx context.Context, target string) (Manifest, error) {
	return i.image.manifest(ctx, target)
}

func (i *imageSource) blob(ctx context.Context, d v1.Descriptor, off int64) (io.ReadCloser, error) {
	r, err := i.image.blob(ctx, d, off)
	if !errors.Is(err, ErrNotFound) {
		return r, err
	}
	base, baseErr := i.base(ctx)
	if baseErr != nil {
		return nil, fmt.Errorf("%w; nor can it come from the base: %w", err, baseErr)
	}
	r, baseErr = base.blob(ctx, d, off)
	if baseErr != nil {
		return nil, fmt.Errorf("%w; nor can it come from the base: %w", err, baseErr)
	}
	return r, nil
}
