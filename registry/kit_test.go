package registry_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

const layerSize = 3 << 20

// makeImage writes a layout whose layers do not compress, one for each seed, and returns the fact of its image.
func makeImage(t testing.TB, platform string, seeds ...uint64) bootc.Image {
	t.Helper()
	dir := t.TempDir()
	os, arch, _ := strings.Cut(platform, "/")
	arch, variant, _ := strings.Cut(arch, "/")
	config := v1.Image{Platform: v1.Platform{OS: os, Architecture: arch, Variant: variant}}
	config.Config.Labels = map[string]string{"containers.bootc": "1"}
	var layers []testkit.Layer
	for _, seed := range seeds {
		layers = append(layers, func(tw *tar.Writer) error {
			content := make([]byte, layerSize)
			rand.NewChaCha8([32]byte{byte(seed)}).Read(content)
			err := tw.WriteHeader(&tar.Header{Name: "usr/share/content", Typeflag: tar.TypeReg, Size: layerSize, Mode: 0o644})
			_, err2 := tw.Write(content)
			return errors.Join(err, err2)
		})
	}
	desc, err := testkit.WriteLayout(dir, config, layers...)
	if err != nil {
		t.Fatal(err)
	}
	img := bootc.Image{Digest: desc.Digest, MediaType: desc.MediaType, Platform: platform, Location: "oci:" + dir + ":latest"}
	for i, l := range manifestOf(t, dir, desc.Digest).Layers {
		img.Layers = append(img.Layers, bootc.Layer{Digest: l.Digest, MediaType: l.MediaType, Size: l.Size, FromBase: i == 0})
	}
	return img
}

// withoutBase returns img with the blobs of its base layers gone from its location, and the base in their place.
func withoutBase(t testing.TB, img bootc.Image, base string) bootc.Image {
	t.Helper()
	for _, l := range img.Layers {
		if l.FromBase {
			if err := os.Remove(filepath.Join(dirOf(img), "blobs", "sha256", l.Digest.Encoded())); err != nil {
				t.Fatal(err)
			}
		}
	}
	img.BaseLocation = base
	return img
}

func dirOf(img bootc.Image) string { return strings.Split(img.Location, ":")[1] }

func manifestOf(t testing.TB, dir string, d digest.Digest) (m v1.Manifest) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", d.Encoded()))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// client returns a Client that reaches r, and whose delays do not make tests slow.
func client(r *testkit.Registry) registry.Client {
	c := registry.Client{CA: r.CA, Anonymous: true, InsecureSkipTLSVerify: r.CA == nil, Retry: registry.Retry{Delay: 10 * time.Millisecond}}
	if r.Username != "" {
		c.Credentials = map[string]registry.Credential{r.Host: {Username: r.Username, Password: r.Password}}
	}
	return c
}

var unsigned = registry.PublishOptions{Unsigned: true}

// record collects events and fails the test if two come at once.
type record struct {
	t      testing.TB
	busy   sync.Mutex
	events []bootc.Event
}

func (r *record) on(e bootc.Event) {
	if !r.busy.TryLock() {
		r.t.Error("two events at once")
		return
	}
	defer r.busy.Unlock()
	r.events = append(r.events, e)
}

func (r *record) texts(kind bootc.EventKind) (texts []string) {
	for _, e := range r.events {
		if e.Kind == kind {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

func (r *record) count(kind bootc.EventKind) int { return len(r.texts(kind)) }

func eachRegistry(t *testing.T, run func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry)) {
	t.Run("olareg", func(t *testing.T) { run(t, testkit.NewOlareg) })
	t.Run("docker-registry", func(t *testing.T) { run(t, testkit.NewDockerRegistry) })
}

// orasClient is the HTTP client of another program that has the login for r.
func orasClient(r *testkit.Registry) *auth.Client {
	c := &auth.Client{Client: r.Client(), Cache: auth.NewCache()}
	if r.Username != "" {
		c.Credential = auth.StaticCredential(r.Host, auth.Credential{Username: r.Username, Password: r.Password})
	}
	return c
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
