//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/signature/signer"
	"go.podman.io/image/v5/signature/sigstore"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// push copies the tiny base to a registry, converted and signed as asked, and returns its digest there.
func push(t *testing.T, c registry.Client, name, kind string, signers ...*signer.Signer) digest.Digest {
	t.Helper()
	sys, cleanup, err := c.System()
	if err != nil {
		t.Fatal(err)
	}
	defer cleanup()
	src, err := layout.NewReference(testkit.Base(t, testkit.Tiny), "")
	if err != nil {
		t.Fatal(err)
	}
	dest, err := docker.ParseReference("//" + name)
	if err != nil {
		t.Fatal(err)
	}
	pc, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Destroy()
	raw, err := copy.Image(t.Context(), pc, dest, src, &copy.Options{SourceCtx: sys, DestinationCtx: sys, ForceManifestMIMEType: kind, Signers: signers})
	if err != nil {
		t.Fatal(err)
	}
	return digest.FromBytes(raw)
}

func clientOf(r *testkit.Registry) registry.Client {
	c := registry.Client{CA: r.CA, Anonymous: true}
	if r.Username != "" {
		c.Credentials = map[string]registry.Credential{r.Host: {Username: r.Username, Password: r.Password}}
	}
	return c
}

func TestPull(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	reg := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "ann", Password: "secret-of-ann"})
	client := clientOf(reg)
	ref := reg.Host + "/acme/base:1"
	want := push(t, client, ref, "")
	e := open(t, func(o *buildah.Options) { o.Registry = client })

	if _, err := e.Inspect(t.Context(), ref, bootc.BuildOptions{Pull: bootc.PullNever}); !errors.Is(err, bootc.ErrNotPulled) {
		t.Errorf("never, before any pull: %v", err)
	}
	reg.Reset()
	r := &recorder{t: t}
	base, err := e.Inspect(t.Context(), ref, bootc.BuildOptions{OnEvent: r.on})
	if err != nil {
		t.Fatal(err)
	}
	if base.Digest != want || base.OSRelease["ID"] != "tiny" || base.Labels["org.opencontainers.image.version"] != "1" || base.Created.IsZero() {
		t.Errorf("base is %+v, want digest %s", base, want)
	}
	var bytes int64
	for _, ev := range r.kinds(bootc.EventProgress) {
		if ev.Op != "pull" || ev.Bytes > ev.Total {
			t.Errorf("progress is %+v", ev)
		}
		if ev.Bytes == ev.Total {
			bytes += ev.Total
		}
	}
	if bytes < 500_000 {
		t.Errorf("progress tells of %d bytes", bytes)
	}
	// The rest needs no byte of a layer, and what is pinned not even the registry.
	reg.Reset()
	for _, pull := range []bootc.PullPolicy{bootc.PullMissing, bootc.PullNever} {
		if again, err := e.Inspect(t.Context(), ref, bootc.BuildOptions{Pull: pull}); err != nil || again.Digest != want {
			t.Errorf("pull %q: %v, %v", pull, again.Digest, err)
		}
	}
	if n := reg.Downloaded(); n > 20_000 {
		t.Errorf("%d bytes were downloaded again", n)
	}
	reg.Reset()
	img, err := e.Build(t.Context(), plan(base, files()), bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(reg.Requests()); n > 0 {
		t.Errorf("a build on a pinned base that is there made %d requests", n)
	}
	if want := "docker://" + reg.Host + "/acme/base@" + want.String(); img.BaseLocation != want {
		t.Errorf("base location %s, want %s", img.BaseLocation, want)
	}
	// All blobs for a layout: those of the base come from the registry.
	out := t.TempDir()
	if _, err := e.Build(t.Context(), plan(base, files()), bootc.BuildOptions{Output: "oci:" + out}); err != nil {
		t.Fatal(err)
	}
	if layers := entriesOf(t, out); len(layers) != 3 {
		t.Errorf("%d layers", len(layers))
	}
	if _, m, _, err := testkit.ReadImage(out); err != nil || m.Annotations["org.opencontainers.image.base.name"] != ref ||
		m.Annotations["org.opencontainers.image.base.digest"] != want.String() {
		t.Errorf("annotations %v, %v", m.Annotations, err)
	}
	if _, err := e.Inspect(t.Context(), ref, bootc.BuildOptions{Platform: "linux/arm64"}); err == nil || !strings.Contains(err.Error(), "linux/arm64") {
		t.Errorf("for another platform: %v", err)
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := e.Inspect(t.Context(), ref, bootc.BuildOptions{Pull: bootc.PullAlways}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()

	// The base changes after Inspect.
	changed := plan(base, files())
	changed.Base.Digest = "sha256:" + digest.Digest(strings.Repeat("0", 64))
	changed.Containerfile.Stages[0].From = ref
	if _, err := e.Build(t.Context(), changed, bootc.BuildOptions{}); !errors.Is(err, bootc.ErrChanged) {
		t.Errorf("with another digest: %v", err)
	}
	for _, c := range []struct{ name, ref, want string }{
		{"short name", "busybox", "registry"},
		{"no such tag", reg.Host + "/acme/base:2", "acme/base:2"},
		{"not a reference", "https://x/y", "reference"},
		{"no layout", "oci:" + t.TempDir(), "index.json"},
	} {
		if _, err := e.Inspect(t.Context(), c.ref, bootc.BuildOptions{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	left(t, e)

	stranger := open(t, func(o *buildah.Options) { o.Registry = registry.Client{CA: reg.CA, Anonymous: true} })
	if _, err := stranger.Inspect(t.Context(), ref, bootc.BuildOptions{}); !errors.Is(err, registry.ErrUnauthorized) {
		t.Errorf("without a login: %v", err)
	}
}

// TestDockerBase: a base with Docker's media types keeps its blobs, too.
func TestDockerBase(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	reg := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	client := clientOf(reg)
	ref := reg.Host + "/acme/base:1"
	push(t, client, ref, manifest.DockerV2Schema2MediaType)
	e := open(t, func(o *buildah.Options) { o.Registry = client })
	out := t.TempDir()
	if _, err := e.Build(t.Context(), plan(inspect(t, e, ref), files()), bootc.BuildOptions{Output: "oci:" + out}); err != nil {
		t.Fatal(err)
	}
	_, got, _, err := testkit.ReadImage(out)
	if err != nil {
		t.Fatal(err)
	}
	_, base, _, err := testkit.ReadImage(testkit.Base(t, testkit.Tiny))
	if err != nil {
		t.Fatal(err)
	}
	if !equalJSON(got.Layers[:2], base.Layers) {
		t.Errorf("layers %+v, want %+v", got.Layers[:2], base.Layers)
	}
}

// TestStoreBase: a base that is only in the store is compressed anew, and the caller is told.
func TestStoreBase(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	store, err := e.Store()
	if err != nil {
		t.Fatal(err)
	}
	images, err := store.Images()
	if err != nil || len(images) != 1 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	if err := store.AddNames(images[0].ID, []string{"localhost/mine:1"}); err != nil {
		t.Fatal(err)
	}
	own := inspect(t, e, "containers-storage:localhost/mine:1")
	if own.Digest != base.Digest {
		t.Errorf("digest %s, want %s", own.Digest, base.Digest)
	}
	r := &recorder{t: t}
	img, err := e.Build(t.Context(), plan(own, files()), bootc.BuildOptions{OnEvent: r.on, Output: "oci:" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.kinds(bootc.EventWarning)) != 1 || len(img.Layers) != 3 || img.Layers[0].FromBase || img.BaseLocation != "" {
		t.Errorf("image %+v, warnings %+v", img, r.kinds(bootc.EventWarning))
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	reg := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	client := clientOf(reg)
	dir := t.TempDir()
	keys, err := sigstore.GenerateKeyPair([]byte("pass"))
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, keys.PrivateKey, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sigstore.NewSigner(sigstore.WithPrivateKeyFile(key, []byte("pass")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	signed, unsigned := reg.Host+"/acme/signed:1", reg.Host+"/acme/unsigned:1"
	push(t, client, signed, "", s)
	push(t, client, unsigned, "")
	policy := &buildah.Policy{JSON: fmt.Appendf(nil,
		`{"default": [{"type": "reject"}], "transports": {"docker": {"%s": [{"type": "sigstoreSigned", "keyData": "%s"}]}}}`,
		reg.Host, base64.StdEncoding.EncodeToString(keys.PublicKey))}
	root := t.TempDir()
	strict := openAt(t, root, func(o *buildah.Options) { o.Registry, o.Policy = client, policy })

	base := inspect(t, strict, signed)
	if _, err := strict.Build(t.Context(), plan(base, files(), sh("true")), bootc.BuildOptions{}); err != nil {
		t.Errorf("on a signed base: %v", err)
	}
	for _, ref := range []string{unsigned, tinyRef(t)} {
		if _, err := strict.Inspect(t.Context(), ref, bootc.BuildOptions{}); !errors.Is(err, buildah.ErrUntrusted) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	// What another engine without a policy has pulled into the same store is as untrusted as before.
	lax := openAt(t, root, func(o *buildah.Options) { o.Registry = client })
	p := plan(inspect(t, lax, unsigned), files(), sh("true"))
	for _, pull := range []bootc.PullPolicy{bootc.PullMissing, bootc.PullAlways, bootc.PullNever} {
		_, err := strict.Build(t.Context(), p, bootc.BuildOptions{Pull: pull})
		want := buildah.ErrUntrusted
		if pull == bootc.PullNever {
			want = bootc.ErrNotPulled
		}
		if !errors.Is(err, want) {
			t.Errorf("pull %q of an unsigned base: %v", pull, err)
		}
	}
	if _, err := strict.Inspect(t.Context(), signed, bootc.BuildOptions{Pull: bootc.PullNever}); err != nil {
		t.Errorf("a base that was verified before: %v", err)
	}
}
