//go:build containers_image_openpgp || bootloom_system_gpgme

package sign_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

func TestKeyVerify(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	client := f.registryClient()
	key, next := must(sign.Generate()), must(sign.Generate())
	p := f.published("acme/os", f.index("acme/os", "", f.image("acme/os", "", "one"), f.image("acme/os", "", "two")))
	if err := (sign.Keys{key, next}).Sign(t.Context(), client, p, []string{p.Repository + ":1", p.Repository + ":latest"}); err != nil {
		t.Fatal(err)
	}
	bare := f.published("acme/bare", f.image("acme/bare", "", "bare"))
	if err := key.Sign(t.Context(), client, bare, nil); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		key   registry.Signer
		p     registry.Published
		names []string
		want  error
	}{
		{"no name", key, p, nil, nil},
		{"both names", key, p, []string{p.Repository + ":1", p.Repository + ":latest"}, nil},
		{"both keys", sign.Keys{key, next}, p, []string{p.Repository + ":1"}, nil},
		{"a name that was not signed", key, p, []string{p.Repository + ":1", p.Repository + ":2"}, sign.ErrWrongIdentity},
		{"another key", must(sign.Generate()), p, nil, sign.ErrWrongKey},
		{"one of the keys", sign.Keys{key, must(sign.Generate())}, p, nil, sign.ErrWrongKey},
		{"repository alone", key, bare, nil, nil},
		{"repository alone, asked for a tag", key, bare, []string{bare.Repository + ":1"}, sign.ErrWrongIdentity},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.key.Verify(t.Context(), client, test.p, test.names)
			if !errors.Is(err, test.want) || (test.want == nil) != (err == nil) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// Identities that a policy can ask for, and what each does to an image under another name.
func TestIdentity(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	key := must(sign.Generate())
	d := f.image("acme/os", "1", "os")
	f.image("acme/os", "2", "os") // the old image under a new tag
	f.image("mirror/acme/os", "1", "os")
	f.image("mirror/acme/os", "2", "os")
	p := f.published("acme/os", d)
	if err := key.Sign(t.Context(), f.registryClient(), p, []string{p.Repository + ":1"}); err != nil {
		t.Fatal(err)
	}
	f.copySignatures("acme/os", d.Digest, "mirror/acme/os", d.Digest)
	remap := sign.Identity{Prefix: f.Host + "/mirror", SignedPrefix: f.Host}
	for _, test := range []struct {
		name     string
		identity sign.Identity
		at       string
		want     error
	}{
		{"repository, same tag", sign.Identity{}, "acme/os:1", nil},
		{"repository, other tag", sign.Identity{}, "acme/os:2", nil},
		{"repository, mirror", sign.Identity{}, "mirror/acme/os:1", sign.ErrWrongIdentity},
		{"exact, same tag", sign.Identity{Exact: true}, "acme/os:1", nil},
		{"exact, other tag", sign.Identity{Exact: true}, "acme/os:2", sign.ErrWrongIdentity},
		{"exact, digest", sign.Identity{Exact: true}, "acme/os@" + d.Digest.String(), nil},
		{"remapped, same tag", remap, "mirror/acme/os:1", nil},
		{"remapped, other tag", remap, "mirror/acme/os:2", sign.ErrWrongIdentity},
		{"remapped, digest", remap, "mirror/acme/os@" + d.Digest.String(), nil},
		{"remapped, original", remap, "acme/os:1", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy := sign.DevicePolicy{Rules: []sign.Rule{{Scopes: []string{f.Host}, Keys: []string{key.Public()}, Identity: test.identity}}}
			err := policy.Verify(t.Context(), f.registryClient(), f.Host+"/"+test.at)
			if !errors.Is(err, test.want) || (test.want == nil) != (err == nil) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestVerifyErrors(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{Username: "u", Password: "secret"}), t}
	f.image("acme/os", "1", "os")
	anonymous := registry.Client{Anonymous: true, InsecureSkipTLSVerify: true, TempDir: t.TempDir()}
	patient := f.registryClient()
	patient.Retry = registry.Retry{Attempts: 3, Delay: time.Millisecond}
	f.image("acme/os", "shaky", "os")
	f.Inject(testkit.Fault{Match: testkit.PathContains("GET", "/manifests/shaky"), Times: 2, Do: testkit.Status(503, 0)})
	f.Inject(testkit.Fault{Match: testkit.PathContains("GET", "/manifests/broken"), Do: testkit.Status(503, 0)})
	attach := func(name string, size int64) {
		d := f.image("acme/os", name, name)
		layer := f.putBlob("acme/os", "text/plain", []byte("something"))
		layer.Size = size
		m := imgspec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: imgspec.MediaTypeImageManifest,
			Config: f.putBlob("acme/os", imgspec.MediaTypeImageConfig, []byte("{}")), Layers: []imgspec.Descriptor{layer}}
		f.put("acme/os", sigTag(d.Digest), imgspec.MediaTypeImageManifest, must(json.Marshal(m)))
	}
	attach("much", 40<<20)
	attach("longer", 3)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	open := sign.DevicePolicy{Rules: []sign.Rule{{Scopes: []string{f.Host}, InsecureAcceptAnything: true}}}
	keyed := sign.DevicePolicy{Rules: []sign.Rule{{Scopes: []string{f.Host}, Keys: []string{publicKey("one")}}}}
	for _, test := range []struct {
		name   string
		ctx    context.Context
		policy sign.DevicePolicy
		client registry.Client
		ref    string
		is     error
		says   string
	}{
		{name: "open policy proves nothing", policy: open, client: f.registryClient(), ref: f.Host + "/acme/os:1", is: sign.ErrNotSigned, says: "No signature verification policy found"},
		{name: "outside of the rules proves nothing", policy: acme(), client: f.registryClient(), ref: f.Host + "/acme/os:1", is: sign.ErrNotSigned},
		{name: "broken policy", client: f.registryClient(), ref: f.Host + "/acme/os:1", says: "Rules: is empty"},
		{name: "short name", policy: keyed, client: f.registryClient(), ref: "os:1", says: `"os:1" does not begin with a registry`},
		{name: "no tag", policy: keyed, client: f.registryClient(), ref: f.Host + "/acme/os", says: "has neither a tag nor a digest"},
		{name: "no such tag", policy: keyed, client: f.registryClient(), ref: f.Host + "/acme/os:none", is: registry.ErrNotFound},
		{name: "no login", policy: keyed, client: anonymous, ref: f.Host + "/acme/os:1", is: registry.ErrUnauthorized},
		{name: "registry in trouble for a moment", policy: keyed, client: patient, ref: f.Host + "/acme/os:shaky", is: sign.ErrNotSigned},
		{name: "registry in trouble", policy: keyed, client: patient, ref: f.Host + "/acme/os:broken", says: "503"},
		{name: "much attached", policy: keyed, client: f.registryClient(), ref: f.Host + "/acme/os:much", says: "lists more than 33554432 bytes"},
		{name: "more attached than listed", policy: keyed, client: f.registryClient(), ref: f.Host + "/acme/os:longer", says: "more than 3 bytes"},
		{name: "cancelled", ctx: cancelled, policy: keyed, client: f.registryClient(), ref: f.Host + "/acme/os:1", is: context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.ctx == nil {
				test.ctx = t.Context()
			}
			err := test.policy.Verify(test.ctx, test.client, test.ref)
			if op, ok := errors.AsType[*bootc.OpError](err); !ok || op.Op != "verify" || op.Ref != test.ref {
				t.Fatalf("error %v, want an OpError of verify %s", err, test.ref)
			}
			if test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want a %v that says %q", err, test.is, test.says)
			}
			if left := must(os.ReadDir(test.client.TempDir)); len(left) > 0 {
				t.Errorf("%v left behind", left)
			}
		})
	}
}

// The whole way, through Publish: an image in a layout becomes a tag that a device takes, and no tag without a signature.
func TestPublish(t *testing.T) {
	layout := testkit.Base(t, testkit.Tiny)
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "u", Password: "secret"}), t}
	client := f.registryClient()
	key := must(sign.Generate())
	var index imgspec.Index
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(layout, "index.json"))), &index); err != nil {
		t.Fatal(err)
	}
	d := index.Manifests[0]
	image := bootc.Image{Digest: d.Digest, MediaType: d.MediaType, Location: "oci:" + layout}
	repository := f.Host + "/acme/os"
	published, err := client.Publish(t.Context(), image, repository, registry.PublishOptions{Tags: []string{"1.4.0", "latest"}, Signer: key})
	if err != nil {
		t.Fatal(err)
	}
	policy := sign.DevicePolicy{Rules: []sign.Rule{{Scopes: []string{repository}, Keys: []string{key.Public()}, Identity: sign.Identity{Exact: true}}}, RejectByDefault: true}
	for _, ref := range []string{repository + ":1.4.0", repository + ":latest", published.Reference()} {
		if err := policy.Verify(t.Context(), client, ref); err != nil {
			t.Error(err)
		}
	}
	// A signer whose signatures get lost on the way must not get a tag.
	f.Inject(testkit.Fault{Match: testkit.PathContains("PUT", ".sig"), Do: func(w http.ResponseWriter, r *http.Request, _ http.Handler) { w.WriteHeader(http.StatusCreated) }})
	published, err = client.Publish(t.Context(), image, f.Host+"/acme/lost", registry.PublishOptions{Tags: []string{"1"}, Signer: key})
	if err == nil || len(published.Tags) > 0 {
		t.Errorf("published %v, error %v", published, err)
	}
	f.do("GET", "/v2/acme/lost/manifests/1", "", nil, http.StatusNotFound)
}
