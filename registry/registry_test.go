package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

func TestPublishAndPull(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		r := start(t, testkit.RegistryOptions{TLS: true, Username: "robot", Password: "s3cret-word"})
		c := client(r)
		img := makeImage(t, "linux/amd64", 1, 2)
		repo := r.Host + "/acme/os"

		o := unsigned
		o.Tags = []string{"1", "latest"}
		p, err := c.Publish(t.Context(), img, repo, o)
		if err != nil {
			t.Fatal(err)
		}
		if p.Digest != img.Digest || p.Repository != repo || !slices.Equal(p.Tags, o.Tags) || p.Uploaded < 2*layerSize {
			t.Errorf("published %+v", p)
		}
		for _, tag := range o.Tags {
			if d, err := c.Resolve(t.Context(), repo+":"+tag, ""); err != nil || d.Digest != img.Digest {
				t.Errorf("tag %s is %v (%v), want %v", tag, d.Digest, err, img.Digest)
			}
		}

		r.Reset()
		if p, err = c.Publish(t.Context(), img, repo, o); err != nil || p.Uploaded != 0 || r.Uploaded() != 0 {
			t.Errorf("the second time sent %d bytes (registry: %d), error %v", p.Uploaded, r.Uploaded(), err)
		}

		for _, to := range []string{"oci:" + t.TempDir() + ":os", "oci-archive:" + filepath.Join(t.TempDir(), "os.tar") + ":os"} {
			got, err := c.Pull(t.Context(), repo+":1", to, registry.PullOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Digest != img.Digest || got.Location != to || len(got.Layers) != 2 || got.Layers[0].DiffID == "" || got.Platform != "linux/amd64" {
				t.Errorf("pulled %+v", got)
			}
			again, err := c.Publish(t.Context(), got, r.Host+"/acme/again", unsigned)
			if err != nil || again.Digest != img.Digest {
				t.Errorf("what was pulled to %s: %+v, %v", to, again, err)
			}
		}
	})
}

func TestPullTwoIntoOneDirectory(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	dir := t.TempDir()
	for i, seeds := range [][]uint64{{1, 2}, {1, 3}} {
		img := makeImage(t, "linux/amd64", seeds...)
		if _, err := c.Push(t.Context(), img, r.Host+"/os"); err != nil {
			t.Fatal(err)
		}
		r.Reset()
		name := string(rune('a' + i))
		if _, err := c.Pull(t.Context(), r.Host+"/os@"+img.Digest.String(), "oci:"+dir+":"+name, registry.PullOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.Downloaded(); n > layerSize*3/2 {
		t.Errorf("the second pull fetched %d bytes, also the layer that was there", n)
	}
	var index v1.Index
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err := errors.Join(err, json.Unmarshal(b, &index)); err != nil || len(index.Manifests) != 2 {
		t.Errorf("index %s, error %v", b, err)
	}

	// A damaged blob is fetched again, not trusted for its name.
	victim := filepath.Join(dir, "blobs", "sha256", makeImage(t, "linux/amd64", 1).Layers[0].Digest.Encoded())
	if err := os.WriteFile(victim, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	img := makeImage(t, "linux/amd64", 1, 3)
	if _, err := c.Pull(t.Context(), r.Host+"/os@"+img.Digest.String(), "oci:"+dir+":b", registry.PullOptions{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(victim); err != nil || info.Size() < layerSize {
		t.Error("the damaged blob is still there")
	}
	if _, err := c.Pull(t.Context(), r.Host+"/os@"+img.Digest.String(), "oci:"+filepath.Dir(victim), registry.PullOptions{}); err == nil {
		t.Error("pulled into a directory that is something else")
	}
}

// TestBaseLayers: the base's layers stay what they are, and no byte of them moves twice.
func TestBaseLayers(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		one, other := start(t, testkit.RegistryOptions{Username: "u", Password: "password"}), start(t, testkit.RegistryOptions{})
		c := client(one)
		base := makeImage(t, "linux/amd64", 1)
		pushed, err := c.Push(t.Context(), base, one.Host+"/vendor/base")
		if err != nil {
			t.Fatal(err)
		}
		for name, img := range map[string]bootc.Image{
			"blobs missing": withoutBase(t, makeImage(t, "linux/amd64", 1, 2), "docker://"+pushed.Reference()),
			"blobs there too": func() bootc.Image {
				i := makeImage(t, "linux/amd64", 1, 3)
				i.BaseLocation = "docker://" + pushed.Reference()
				return i
			}(),
		} {
			t.Run(name, func(t *testing.T) {
				ours := img.Layers[1].Size
				one.Reset()
				p, err := c.Push(t.Context(), img, one.Host+"/acme/os-"+strings.Fields(name)[1])
				if err != nil {
					t.Fatal(err)
				}
				if up, down := one.Uploaded(), one.Downloaded(); up < ours || up > ours+4096 || p.Uploaded != up || down > 4096 {
					t.Errorf("same registry: %d bytes up (said %d), %d down; ours are %d", up, p.Uploaded, down, ours)
				}
				one.Reset()
				c := client(other)
				c.Credentials = map[string]registry.Credential{one.Host: {Username: "u", Password: "password"}}
				p, err = c.Push(t.Context(), img, other.Host+"/acme/os-"+strings.Fields(name)[1])
				if err != nil {
					t.Fatal(err)
				}
				info, err := c.Inspect(t.Context(), p.Reference(), "")
				if err != nil {
					t.Fatal(err)
				}
				if got, want := info.Layers[0].Digest, base.Layers[0].Digest; got != want || info.Layers[0].Size != base.Layers[0].Size {
					t.Errorf("other registry: base layer is %v, want %v", info.Layers[0], base.Layers[0])
				}
			})
		}

		// A client that has the base downloads only what is ours.
		dir := t.TempDir()
		if _, err := c.Pull(t.Context(), pushed.Reference(), "oci:"+dir+":base", registry.PullOptions{}); err != nil {
			t.Fatal(err)
		}
		one.Reset()
		img := makeImage(t, "linux/amd64", 1, 2)
		if _, err := c.Pull(t.Context(), one.Host+"/acme/os-missing@"+img.Digest.String(), "oci:"+dir+":os", registry.PullOptions{}); err != nil {
			t.Fatal(err)
		}
		if down := one.Downloaded(); down > img.Layers[1].Size+4096 {
			t.Errorf("a client with the base fetched %d bytes; ours are %d", down, img.Layers[1].Size)
		}
	})
}

func TestMissingBlob(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	img := withoutBase(t, makeImage(t, "linux/amd64", 1, 2), "")
	_, err := c.Push(t.Context(), img, r.Host+"/os")
	if !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "does not say where its base is") {
		t.Errorf("error %v", err)
	}
	img.BaseLocation = "docker://" + r.Host + "/no/base@" + img.Digest.String()
	if _, err = c.Push(t.Context(), img, r.Host+"/os"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	img.BaseLocation = "containers-storage:x"
	if _, err = c.Push(t.Context(), img, r.Host+"/os"); err == nil || !strings.Contains(err.Error(), "cannot use the location") {
		t.Errorf("error %v", err)
	}
}

// TestWrongBytes: what does not have its digest gets nowhere.
func TestWrongBytes(t *testing.T) {
	for name, spoil := range map[string]func(b []byte) []byte{
		"bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"last":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"short": func(b []byte) []byte { return b[:len(b)-1] },
		"long":  func(b []byte) []byte { return append(b, 0) },
		"empty": func(b []byte) []byte { return nil },
	} {
		r := testkit.NewOlareg(t, testkit.RegistryOptions{})
		c := client(r)
		img := makeImage(t, "linux/amd64", 1)
		file := filepath.Join(dirOf(img), "blobs", "sha256", img.Layers[0].Digest.Encoded())
		b, err := os.ReadFile(file)
		if err := errors.Join(err, os.WriteFile(file, spoil(b), 0o644)); err != nil {
			t.Fatal(err)
		}
		rec := &record{t: t}
		c.OnEvent = rec.on
		if _, err := c.Push(t.Context(), img, r.Host+"/os"); !errors.Is(err, registry.ErrDigestMismatch) {
			t.Errorf("%s: error %v", name, err)
		}
		if n := rec.count(bootc.EventRetry); n != 0 {
			t.Errorf("%s: %d retries", name, n)
		}
		if _, err := c.Resolve(t.Context(), r.Host+"/os@"+img.Digest.String(), ""); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: the manifest is there (%v)", name, err)
		}
	}
}

func TestCancel(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	img := makeImage(t, "linux/amd64", 1, 2, 3)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	after := 0
	done := false
	c.OnEvent = func(e bootc.Event) {
		if done {
			t.Error("event after the end")
		}
		if e.Kind == bootc.EventProgress {
			after++
			cancel()
		}
	}
	start := time.Now()
	_, err := c.Push(ctx, img, r.Host+"/os")
	done = true
	if !errors.Is(err, context.Canceled) || after == 0 {
		t.Errorf("error %v after %d progress events", err, after)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("took %s", d)
	}
	for wait := 0; runtime.NumGoroutine() > before; wait++ { // the test registry's own take a moment as well
		if wait == 100 {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.OnEvent = nil
	if _, err := c.Push(t.Context(), img, r.Host+"/os"); err != nil {
		t.Error(err)
	}

	// A pull that is cut leaves no half file and no temporary directory.
	c.TempDir = t.TempDir()
	ctx, cancel = context.WithCancel(t.Context())
	c.OnEvent = func(e bootc.Event) {
		if e.Kind == bootc.EventProgress {
			cancel()
		}
	}
	out := t.TempDir()
	_, err = c.Pull(ctx, r.Host+"/os@"+img.Digest.String(), "oci-archive:"+out+"/x.tar", registry.PullOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	for _, dir := range []string{out, c.TempDir} {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestConcurrentUse: one Client, many calls.
func TestConcurrentUse(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "u", Password: "password"})
	c := client(r)
	base := makeImage(t, "linux/amd64", 1)
	var wg sync.WaitGroup
	for i := range 4 {
		img := makeImage(t, "linux/amd64", 1, uint64(10+i))
		wg.Go(func() {
			if _, err := c.Publish(t.Context(), img, r.Host+"/os", registry.PublishOptions{Unsigned: true, Tags: []string{string(rune('a' + i))}}); err != nil {
				t.Error(err)
			}
			if _, err := c.Push(t.Context(), base, r.Host+"/os"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	tags, err := c.Tags(t.Context(), r.Host+"/os")
	if err != nil || len(tags) != 4 {
		t.Errorf("tags %v, error %v", tags, err)
	}
}

func TestBadLayouts(t *testing.T) {
	c := registry.Client{Anonymous: true}
	for location, want := range map[string]string{
		"oci:/no/such/dir":         "no such file",
		"oci-archive:/no/such.tar": "no such file",
		"dir:/tmp/x":               "cannot use the location",
		"":                         "cannot use the location",
	} {
		img := bootc.Image{Digest: digest.FromString("x"), Location: location}
		_, err := c.Push(t.Context(), img, "127.0.0.1:1/x")
		var op *bootc.OpError
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &op) {
			t.Errorf("%q: error %v", location, err)
		}
	}
	if _, err := c.Push(t.Context(), bootc.Image{Location: "oci:/tmp", Digest: "sha256:short"}, "127.0.0.1:1/x"); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("error %v", err)
	}
}
