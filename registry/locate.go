package registry

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// locate returns the manifest with a digest, or, for callers who have only the location, that of the one image that it means:
// what the tag points at, the image of that name in a layout, or a layout's only image.
func locate(ctx context.Context, from source, where string, d digest.Digest) (Manifest, error) {
	target := d.String()
	if target == "" {
		var err error
		if target, err = meant(where); err != nil {
			return Manifest{}, err
		}
	}
	return from.manifest(ctx, target)
}

// meant is the tag or digest of the image that a location means.
func meant(where string) (string, error) {
	l, err := parseLocation(where)
	if err != nil {
		return "", err
	}
	if l.transport == "docker" {
		r, err := parse(l.path)
		return r.target(), err
	}
	data, err := readIndex(l)
	if err != nil {
		return "", err
	}
	var index v1.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return "", fmt.Errorf("%s: %s: %w", where, v1.ImageIndexFile, err)
	}
	var found []string
	for _, d := range index.Manifests {
		if l.name == "" || d.Annotations[v1.AnnotationRefName] == l.name {
			found = append(found, d.Digest.String())
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case l.name != "":
		return "", fmt.Errorf("%s has %d images of the name %q, want one: %w", l.path, len(found), l.name, ErrNotFound)
	}
	return "", fmt.Errorf("%s has %d images, want one: set Digest, or name it, %s:%s:NAME", l.path, len(found), l.transport, l.path)
}

// readIndex reads the index.json of a layout.
func readIndex(l location) ([]byte, error) {
	if l.transport == "oci" {
		return os.ReadFile(filepath.Join(l.path, v1.ImageIndexFile))
	}
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil, fmt.Errorf("%s is no OCI archive: it has no %s", l.path, v1.ImageIndexFile)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.path, err)
		}
		if path.Clean(h.Name) == v1.ImageIndexFile {
			return io.ReadAll(io.LimitReader(r, maxManifest))
		}
	}
}
