package sign_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

func writes(f fixture) (n int) {
	for _, q := range f.Requests() {
		if q.Method != http.MethodGet && q.Method != http.MethodHead {
			n++
		}
	}
	return n
}

// What is written is what cosign's specification says, to the byte where it says bytes.
func TestSignWrites(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	d := f.image("acme/os", "1", "os")
	p := f.published("acme/os", d)
	key := must(sign.Generate())
	if err := key.Sign(t.Context(), f.registryClient(), p, []string{p.Repository + ":1", p.Repository + ":latest"}); err != nil {
		t.Fatal(err)
	}
	m := f.signatures("acme/os", d.Digest)
	if m.MediaType != imgspec.MediaTypeImageManifest || m.SchemaVersion != 2 || len(m.Layers) != 2 {
		t.Fatalf("signature manifest %+v", m)
	}
	var config imgspec.Image
	if err := json.Unmarshal(f.get("acme/os", "blobs/"+m.Config.Digest.String()), &config); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{":1", ":latest"} {
		l := m.Layers[i]
		want := `{"critical":{"identity":{"docker-reference":"` + p.Repository + name + `"},"image":{"docker-manifest-digest":"` + d.Digest.String() +
			`"},"type":"cosign container image signature"},"optional":null}`
		if got := string(f.get("acme/os", "blobs/"+l.Digest.String())); got != want {
			t.Errorf("payload %s, want %s", got, want)
		}
		if l.MediaType != "application/vnd.dev.cosign.simplesigning.v1+json" || l.Size != int64(len(want)) || len(l.Annotations) != 1 {
			t.Errorf("layer %+v", l)
		}
		if config.RootFS.DiffIDs[i] != l.Digest {
			t.Errorf("diff id %s for layer %s", config.RootFS.DiffIDs[i], l.Digest)
		}
	}
}

func TestSignIsIdempotent(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	d := f.index("acme/os", "", f.image("acme/os", "", "amd64"), f.image("acme/os", "", "arm64"))
	p := f.published("acme/os", d)
	key := must(sign.Generate())
	for range 3 {
		if err := key.Sign(t.Context(), f.registryClient(), p, []string{p.Repository + ":1"}); err != nil {
			t.Fatal(err)
		}
		for _, want := range instancesOf(f, "acme/os", d) {
			if got := f.signatures("acme/os", want.Digest); len(got.Layers) != 1 {
				t.Errorf("%s has %d signatures", want.Digest, len(got.Layers))
			}
		}
	}
	f.Reset()
	if err := key.Sign(t.Context(), f.registryClient(), p, []string{p.Repository + ":1"}); err != nil {
		t.Fatal(err)
	}
	if n := writes(f); n != 0 {
		t.Errorf("signing again wrote %d times: %v", n, f.Requests())
	}
}

// instancesOf returns the index and its instances.
func instancesOf(f fixture, repo string, index imgspec.Descriptor) []imgspec.Descriptor {
	var i imgspec.Index
	if err := json.Unmarshal(f.get(repo, "manifests/"+index.Digest.String()), &i); err != nil {
		f.t.Fatal(err)
	}
	return append(i.Manifests, index)
}

func TestSignKeepsOthers(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	d := f.image("acme/os", "1", "os")
	p := f.published("acme/os", d)
	theirs := []byte(`{"predicateType":"something else"}`)
	layer := f.putBlob("acme/os", "application/vnd.dsse.envelope.v1+json", theirs)
	layer.Annotations = map[string]string{"predicateType": "x", "dev.cosignproject.cosign/signature": "not base64"}
	m := imgspec.Manifest{MediaType: imgspec.MediaTypeImageManifest, Layers: []imgspec.Descriptor{layer}, Annotations: map[string]string{"by": "them"},
		Config: f.putBlob("acme/os", imgspec.MediaTypeImageConfig, []byte(`{"author":"them","architecture":"","os":"","rootfs":{"type":"layers","diff_ids":["`+layer.Digest.String()+`"]}}`))}
	m.SchemaVersion = 2
	f.put("acme/os", sigTag(d.Digest), m.MediaType, must(json.Marshal(m)))

	keys := sign.Keys{must(sign.Generate()), must(sign.Generate())}
	if err := keys.Sign(t.Context(), f.registryClient(), p, nil); err != nil {
		t.Fatal(err)
	}
	got := f.signatures("acme/os", d.Digest)
	if len(got.Layers) != 3 || got.Annotations["by"] != "them" || fmt.Sprint(got.Layers[0]) != fmt.Sprint(layer) {
		t.Errorf("signature manifest %+v", got)
	}
	if config := string(f.get("acme/os", "blobs/"+got.Config.Digest.String())); !strings.Contains(config, `"author":"them"`) {
		t.Errorf("config %s", config)
	}
}

// Someone else writes between our reading and our writing, so that ours is lost at first.
func TestSignRepeatsWhenLost(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	d := f.image("acme/os", "1", "os")
	p := f.published("acme/os", d)
	theirs, ours := must(sign.Generate()), must(sign.Generate())
	if err := theirs.Sign(t.Context(), f.registryClient(), p, nil); err != nil {
		t.Fatal(err)
	}
	before := f.get("acme/os", "manifests/"+sigTag(d.Digest))
	f.Inject(testkit.Fault{Match: testkit.PathContains("PUT", "/manifests/"+sigTag(d.Digest)), Times: 2, Do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(w, r)
		q, _ := http.NewRequest("PUT", r.URL.String(), strings.NewReader(string(before)))
		q.Header.Set("Content-Type", imgspec.MediaTypeImageManifest)
		next.ServeHTTP(discard{http.Header{}}, q)
	}})
	if err := ours.Sign(t.Context(), f.registryClient(), p, nil); err != nil {
		t.Fatal(err)
	}
	if got := f.signatures("acme/os", d.Digest); len(got.Layers) != 2 {
		t.Errorf("%d signatures, want theirs and ours", len(got.Layers))
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// Several at once with one key, as when two jobs publish the same image: one signature remains, and nobody fails.
func TestSignConcurrently(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	p := f.published("acme/os", f.image("acme/os", "1", "os"))
	key, client := must(sign.Generate()), f.registryClient()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := key.Sign(t.Context(), client, p, []string{p.Repository + ":1"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(f.signatures("acme/os", p.Digest).Layers); n != 1 {
		t.Errorf("%d signatures", n)
	}
}

func TestSignErrors(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	d := f.image("acme/os", "1", "os")
	p := f.published("acme/os", d)
	missing := p
	missing.Digest = "sha256:" + imgspec.DescriptorEmptyJSON.Digest[7:]
	odd := f.image("acme/odd", "1", "odd")
	f.put("acme/odd", sigTag(odd.Digest), imgspec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"mediaType":"`+imgspec.MediaTypeImageIndex+`","manifests":[]}`))
	nested := f.index("acme/os", "", f.index("acme/os", "", d))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	key := must(sign.Generate())
	for _, test := range []struct {
		name  string
		ctx   context.Context
		key   registry.Signer
		p     registry.Published
		names []string
		is    error
		says  string
	}{
		{name: "not there", p: missing, is: registry.ErrNotFound},
		{name: "no digest", p: registry.Published{Repository: p.Repository}, says: "digest"},
		{name: "name without tag", p: p, names: []string{p.Repository}, says: "is not " + p.Repository + ":TAG"},
		{name: "name elsewhere", p: p, names: []string{"quay.io/acme/os:1"}, says: "is not " + p.Repository + ":TAG"},
		{name: "short name", p: p, names: []string{"os:1"}, says: `name "os:1"`},
		{name: "useless KMS", key: newBadSigner(), p: p, says: "no signature by its own public key"},
		{name: "no keys", key: sign.Keys{}, p: p, says: "no key"},
		{name: "cancelled", ctx: cancelled, p: p, is: context.Canceled},
		{name: "odd signature manifest", p: f.published("acme/odd", odd), says: "devices read signatures from an OCI image manifest alone"},
		{name: "index in an index", p: f.published("acme/os", nested), says: "which no device reads"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.Reset()
			if test.key == nil {
				test.key = key
			}
			if test.ctx == nil {
				test.ctx = t.Context()
			}
			err := test.key.Sign(test.ctx, f.registryClient(), test.p, test.names)
			op, ok := errors.AsType[*bootc.OpError](err)
			if !ok || op.Op != "sign" {
				t.Fatalf("error %v, want an OpError of sign", err)
			}
			if test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want a %v that says %q", err, test.is, test.says)
			}
			if n := writes(f); n != 0 {
				t.Errorf("it wrote %d times all the same", n)
			}
		})
	}
}
