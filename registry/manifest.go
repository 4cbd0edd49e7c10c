package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Manifest is an image manifest or an index, byte for byte as the registry has it.
type Manifest struct {
	// MediaType as the registry and the manifest itself name it.
	MediaType string
	// Digest of Data.
	Digest digest.Digest
	Data   []byte
}

// IsIndex says whether it is an OCI index or Docker manifest list.
func (m Manifest) IsIndex() bool { return slices.Contains(indexTypes, m.MediaType) }

// NewManifest returns the manifest with these bytes.
func NewManifest(mediaType string, data []byte) Manifest {
	return Manifest{MediaType: mediaType, Digest: digest.FromBytes(data), Data: data}
}

const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"

	// maxManifest is what registries accept at most, and enough for some ten thousand layers or instances.
	maxManifest = 4 << 20
)

var (
	indexTypes    = []string{v1.MediaTypeImageIndex, dockerList}
	untyped       = []string{"", "application/json", "application/octet-stream", "text/plain"} // what plain file servers say
	manifestTypes = append([]string{v1.MediaTypeImageManifest, dockerManifest}, indexTypes...)
)

// manifest fetches by tag or digest and checks that the bytes are what they are called.
func (r *repo) manifest(ctx context.Context, target string) (m Manifest, err error) {
	err = r.session.retry(ctx, "pull", r.ref.repository(), r, func(ctx context.Context) error {
		resp, err := r.do(ctx, call{method: http.MethodGet, path: "manifests/" + target, scope: toRead, want: []int{http.StatusOK},
			header: http.Header{"Accept": manifestTypes}})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
		if err != nil {
			return err
		}
		if len(data) > maxManifest {
			return final("the manifest is larger than %d bytes", maxManifest)
		}
		m, err = asManifest(target, resp.Header.Get("Content-Type"), data)
		return err
	})
	return m, err
}

// asManifest checks data against target, if that is a digest, and finds the media type: what the data itself says, or
// else the registry's header, or else what it looks like.
func asManifest(target, contentType string, data []byte) (Manifest, error) {
	want, err := digest.Parse(target)
	if err != nil {
		want = digest.FromBytes(data)
	} else if got := want.Algorithm().FromBytes(data); got != want {
		return Manifest{}, fmt.Errorf("%w: the manifest is %s, not %s", ErrDigestMismatch, got, want)
	}
	var self struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
		Config    json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(data, &self); err != nil {
		return Manifest{}, final("the manifest is not JSON: %w", err)
	}
	mediaType, _, _ := mime.ParseMediaType(contentType)
	switch {
	case self.MediaType != "":
		mediaType = self.MediaType
	case !slices.Contains(untyped, mediaType):
	case self.Manifests != nil: // OCI leaves the field to the writer
		mediaType = v1.MediaTypeImageIndex
	default:
		mediaType = v1.MediaTypeImageManifest
	}
	if !slices.Contains(manifestTypes, mediaType) {
		return Manifest{}, final("cannot handle a manifest of type %q; want an OCI or Docker v2 schema 2 image or index", mediaType)
	}
	m := Manifest{MediaType: mediaType, Digest: want, Data: data}
	if m.IsIndex() != (self.Manifests != nil) || m.IsIndex() == (self.Config != nil) { // one thing to us, another to a device
		return Manifest{}, final("the manifest does not look like its type %s", mediaType)
	}
	return m, nil
}

// putManifest stores m under a tag or its digest.
func (r *repo) putManifest(ctx context.Context, op, target string, m Manifest) error {
	return r.session.retry(ctx, op, r.ref.repository(), r, func(ctx context.Context) error {
		resp, err := r.do(ctx, call{method: http.MethodPut, path: "manifests/" + target, scope: toWrite,
			want:   []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
			header: http.Header{"Content-Type": {m.MediaType}}, body: bytes.NewReader(m.Data), size: int64(len(m.Data))})
		if err != nil {
			return err
		}
		resp.Body.Close()
		if got := resp.Header.Get("Docker-Content-Digest"); got != "" && got != m.Digest.String() {
			return fmt.Errorf("%w: the registry stored %s as %s", ErrDigestMismatch, m.Digest, clip(got))
		}
		return nil
	})
}

// hasManifest asks without fetching.
func (r *repo) hasManifest(ctx context.Context, target string) (bool, error) {
	_, err := r.head(ctx, target, toWrite) // of an upload
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// head resolves a tag or digest. The descriptor has no digest if the registry does not say.
func (r *repo) head(ctx context.Context, target string, scope []string) (d v1.Descriptor, err error) {
	err = r.session.retry(ctx, "resolve", r.ref.repository(), r, func(ctx context.Context) error {
		resp, err := r.do(ctx, call{method: http.MethodHead, path: "manifests/" + target, scope: scope, want: []int{http.StatusOK},
			header: http.Header{"Accept": manifestTypes}})
		if err != nil {
			return err
		}
		resp.Body.Close()
		d.MediaType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
		d.Size = resp.ContentLength
		d.Digest, err = digest.Parse(resp.Header.Get("Docker-Content-Digest"))
		if err != nil || !slices.Contains(manifestTypes, d.MediaType) || d.Size < 0 {
			d = v1.Descriptor{}
		}
		return nil
	})
	return d, err
}
