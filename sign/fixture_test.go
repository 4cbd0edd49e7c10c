package sign_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// fixture talks to a registry in plain HTTP requests, as an attacker or another tool would.
type fixture struct {
	*testkit.Registry
	t testing.TB
}

func (f fixture) registryClient() registry.Client {
	c := registry.Client{Anonymous: true, CA: f.CA, InsecureSkipTLSVerify: f.CA == nil, TempDir: f.t.TempDir()}
	if f.Username != "" {
		c.Credentials = map[string]registry.Credential{f.Host: {Username: f.Username, Password: f.Password}}
	}
	return c
}

func (f fixture) do(method, url, mediaType string, body []byte, want int) (*http.Response, []byte) {
	f.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = f.URL() + url
	}
	q := must(http.NewRequestWithContext(f.t.Context(), method, url, bytes.NewReader(body)))
	q.Header.Set("Content-Type", mediaType)
	q.Header["Accept"] = []string{imgspec.MediaTypeImageManifest, imgspec.MediaTypeImageIndex}
	if f.Username != "" {
		q.SetBasicAuth(f.Username, f.Password)
	}
	resp := must(f.Client().Do(q))
	defer resp.Body.Close()
	b := must(io.ReadAll(resp.Body))
	if resp.StatusCode != want {
		f.t.Fatalf("%s %s: %s, want %d: %s", method, url, resp.Status, want, b)
	}
	return resp, b
}

func (f fixture) putBlob(repo, mediaType string, b []byte) imgspec.Descriptor {
	f.t.Helper()
	d := digest.FromBytes(b)
	resp, _ := f.do("POST", "/v2/"+repo+"/blobs/uploads/", "", nil, http.StatusAccepted)
	to := resp.Header.Get("Location")
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	f.do("PUT", to+sep+"digest="+d.String(), "application/octet-stream", b, http.StatusCreated)
	return imgspec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(b))}
}

// put stores a manifest under a tag, or under its digest without one.
func (f fixture) put(repo, tag, mediaType string, b []byte) imgspec.Descriptor {
	f.t.Helper()
	d := imgspec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	if tag == "" {
		tag = d.Digest.String()
	}
	f.do("PUT", "/v2/"+repo+"/manifests/"+tag, mediaType, b, http.StatusCreated)
	return d
}

func (f fixture) get(repo, what string) []byte {
	f.t.Helper()
	_, b := f.do("GET", "/v2/"+repo+"/"+what, "", nil, http.StatusOK)
	return b
}

// image pushes a small image that podman can pull. Each name gives another one.
func (f fixture) image(repo, tag, name string) imgspec.Descriptor {
	f.t.Helper()
	var layer, packed bytes.Buffer
	tw := tar.NewWriter(&layer)
	if err := tw.WriteHeader(&tar.Header{Name: "etc/" + name, Mode: 0o644, Size: int64(len(name))}); err != nil {
		f.t.Fatal(err)
	}
	io.WriteString(tw, name)
	tw.Close()
	gw := gzip.NewWriter(&packed)
	gw.Write(layer.Bytes())
	gw.Close()
	config := imgspec.Image{Platform: imgspec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		RootFS: imgspec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer.Bytes())}}}
	m := imgspec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageManifest,
		Config: f.putBlob(repo, imgspec.MediaTypeImageConfig, must(json.Marshal(config))),
		Layers: []imgspec.Descriptor{f.putBlob(repo, imgspec.MediaTypeImageLayerGzip, packed.Bytes())}}
	d := f.put(repo, tag, imgspec.MediaTypeImageManifest, must(json.Marshal(m)))
	d.Platform = &config.Platform
	return d
}

func (f fixture) index(repo, tag string, instances ...imgspec.Descriptor) imgspec.Descriptor {
	f.t.Helper()
	return f.put(repo, tag, imgspec.MediaTypeImageIndex, must(json.Marshal(imgspec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageIndex, Manifests: instances})))
}

func sigTag(d digest.Digest) string { return strings.Replace(d.String(), ":", "-", 1) + ".sig" }

// signatures returns the signature manifest of an image.
func (f fixture) signatures(repo string, d digest.Digest) (m imgspec.Manifest) {
	f.t.Helper()
	if err := json.Unmarshal(f.get(repo, "manifests/"+sigTag(d)), &m); err != nil {
		f.t.Fatal(err)
	}
	return m
}

// copySignatures writes what one image has as signatures of another, wherever that is.
func (f fixture) copySignatures(fromRepo string, from digest.Digest, toRepo string, to digest.Digest) {
	f.t.Helper()
	m := f.signatures(fromRepo, from)
	for _, d := range append([]imgspec.Descriptor{m.Config}, m.Layers...) {
		f.putBlob(toRepo, d.MediaType, f.get(fromRepo, "blobs/"+d.Digest.String()))
	}
	f.put(toRepo, sigTag(to), imgspec.MediaTypeImageManifest, f.get(fromRepo, "manifests/"+sigTag(from)))
}

func (f fixture) published(repo string, d imgspec.Descriptor) registry.Published {
	return registry.Published{Repository: f.Host + "/" + repo, Digest: d.Digest, MediaType: d.MediaType}
}

func digestOf(b []byte) string { return digest.FromBytes(b).String() }
