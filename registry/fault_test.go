package registry_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// uploads matches the requests that bring the bytes of a blob.
func uploads(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/") || r.Method == http.MethodPatch
}

func TestFaults(t *testing.T) {
	post := testkit.PathContains("POST", "/blobs/uploads/")
	put := testkit.PathContains("PUT", "/manifests/")
	for _, tt := range []struct {
		name    string
		match   func(*http.Request) bool
		do      testkit.Action
		times   int
		want    error // nil if the push gets over it
		retries int
	}{
		{"drop mid-upload", uploads, testkit.Drop(1 << 20), 1, nil, 1},
		{"drop after the upload", uploads, testkit.Drop(1 << 30), 1, nil, 1},
		{"drop at POST", post, testkit.Drop(0), 1, nil, 1},
		{"429 on the upload", uploads, testkit.Status(429, 0), 2, nil, 2},
		{"429 on POST", post, testkit.Status(429, 0), 1, nil, 1},
		{"429 for ever", uploads, testkit.Status(429, 0), 0, registry.ErrTooManyRequests, 3},
		{"500 on the upload", uploads, testkit.Status(500, 0), 1, nil, 1},
		{"500 on POST", post, testkit.Status(500, 0), 1, nil, 1},
		{"500 on the manifest", put, testkit.Status(500, 0), 1, nil, 1},
		{"502 on HEAD", testkit.Method("HEAD"), testkit.Status(502, 0), 1, nil, 1},
		{"503 on the upload", uploads, testkit.Status(503, 0), 3, nil, 3},
		{"504 on the manifest", put, testkit.Status(504, 0), 1, nil, 1},
		{"408 on the upload", uploads, testkit.Status(408, 0), 1, nil, 1},
		{"507 on the upload", uploads, testkit.Status(507, 0), 1, registry.ErrNoSpace, 0},
		{"507 on POST", post, testkit.Status(507, 0), 1, registry.ErrNoSpace, 0},
		{"403 on POST", post, testkit.Status(403, 0), 1, registry.ErrDenied, 0},
		{"404 on POST", post, testkit.Status(404, 0), 1, registry.ErrNotFound, 0},
		{"401 once", uploads, testkit.Unauthorized(), 1, nil, 1},
		{"401 for ever", uploads, testkit.Unauthorized(), 0, registry.ErrUnauthorized, 1},
		{"drop for ever", uploads, testkit.Drop(1 << 20), 0, errAny, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := testkit.NewOlareg(t, testkit.RegistryOptions{Username: "u", Password: "the-password"})
			rec := &record{t: t}
			c := client(r)
			c.OnEvent = rec.on
			img := makeImage(t, "linux/amd64", 1)
			r.Inject(testkit.Fault{Match: tt.match, Times: tt.times, Do: tt.do})
			o := registry.PublishOptions{Unsigned: true, Tags: []string{"1"}}
			p, err := c.Publish(t.Context(), img, r.Host+"/os", o)
			if got := rec.count(bootc.EventRetry); got != tt.retries && (tt.times > 0 || got < tt.retries) {
				t.Errorf("%d retries, want %d: %v", got, tt.retries, rec.texts(bootc.EventRetry))
			}
			for _, e := range rec.events {
				if e.Kind == bootc.EventRetry && e.Text == "" {
					t.Errorf("a retry without a reason: %+v", e)
				}
			}
			if tt.want == nil {
				if err != nil || len(p.Tags) != 1 {
					t.Fatalf("published %+v, error %v", p, err)
				}
				return
			}
			if tt.want == errAny && err == nil || tt.want != errAny && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if err == nil {
				return
			}
			op, ok := errors.AsType[*bootc.OpError](err)
			if !ok || op.Op != "push" || op.Ref != r.Host+"/os" || strings.Contains(err.Error(), "the-password") {
				t.Errorf("error %v", err)
			}
			if tt.want != errAny && !strings.Contains(err.Error(), "injected fault") {
				t.Errorf("the registry's own words are missing: %v", err)
			}
			r.Reset()
			if tags, _ := c.Tags(t.Context(), r.Host+"/os"); len(tags) != 0 {
				t.Errorf("tagged all the same: %v", tags)
			}
		})
	}
}

var errAny = errors.New("any error")

func TestRetryAfter(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	img := makeImage(t, "linux/amd64", 1)
	r.Inject(testkit.Fault{Match: uploads, Times: 1, Do: testkit.Status(429, 1)})
	start := time.Now()
	if _, err := c.Push(t.Context(), img, r.Host+"/os"); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d < time.Second {
		t.Errorf("went on after %s, the registry asked for a second", d)
	}
	r.Inject(testkit.Fault{Match: testkit.Method("HEAD"), Do: testkit.Status(429, 3600)})
	start = time.Now()
	_, err := c.Push(t.Context(), img, r.Host+"/other")
	if !errors.Is(err, registry.ErrTooManyRequests) || !strings.Contains(err.Error(), "1h0m0s") || time.Since(start) > 5*time.Second {
		t.Errorf("error %v after %s", err, time.Since(start))
	}
}

// TestOnlyUnfinished: a retry sends the blob that failed, not those that are there.
func TestOnlyUnfinished(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	img := makeImage(t, "linux/amd64", 1, 2, 3)
	r.Inject(testkit.Fault{Match: uploads, Skip: 2, Times: 1, Do: testkit.Status(503, 0)})
	p, err := c.Push(t.Context(), img, r.Host+"/os")
	if err != nil {
		t.Fatal(err)
	}
	var all int64
	for _, l := range img.Layers {
		all += l.Size
	}
	if up := r.Uploaded(); up < all || up > all+4096 || p.Uploaded != up {
		t.Errorf("%d bytes arrived in good requests (said %d) for layers of %d", up, p.Uploaded, all)
	}
}

func TestDropMidDownload(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		r := start(t, testkit.RegistryOptions{})
		rec := &record{t: t}
		c := client(r)
		img := makeImage(t, "linux/amd64", 1)
		if _, err := c.Push(t.Context(), img, r.Host+"/os"); err != nil {
			t.Fatal(err)
		}
		layer := testkit.PathContains("GET", "/blobs/"+img.Layers[0].Digest.String())
		r.Reset()
		r.Inject(testkit.Fault{Match: layer, Times: 2, Do: testkit.Drop(1 << 20)})
		c.OnEvent = rec.on
		got, err := c.Pull(t.Context(), r.Host+"/os@"+img.Digest.String(), "oci:"+t.TempDir(), registry.PullOptions{})
		if err != nil || got.Digest != img.Digest {
			t.Fatalf("pulled %+v, error %v", got, err)
		}
		if n := rec.count(bootc.EventRetry); n != 2 {
			t.Errorf("%d retries, want 2", n)
		}
		if down := r.Downloaded(); down > img.Layers[0].Size+8192 {
			t.Errorf("fetched %d bytes of a layer of %d: did not go on where it was", down, img.Layers[0].Size)
		}

		// Straight from one registry to the other it is the same.
		r.Inject(testkit.Fault{Match: layer, Times: 2, Do: testkit.Drop(1 << 20)})
		other := testkit.NewOlareg(t, testkit.RegistryOptions{})
		if p, err := c.Copy(t.Context(), r.Host+"/os@"+img.Digest.String(), other.Host+"/os:1", registry.CopyOptions{}); err != nil || p.Digest != img.Digest {
			t.Errorf("copied %+v, error %v", p, err)
		}

		// For ever, it is an error, and nothing half is left.
		r.Inject(testkit.Fault{Match: layer, Do: testkit.Drop(1 << 10)})
		dir := t.TempDir()
		if _, err := c.Pull(t.Context(), r.Host+"/os@"+img.Digest.String(), "oci:"+dir, registry.PullOptions{}); err == nil {
			t.Error("pulled what never came")
		}
	})
}

// TestTokenExpires: the token goes out of date between two requests and in the middle of an upload.
func TestTokenExpires(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{Username: "u", Password: "password", TokenLifetime: time.Hour})
	rec := &record{t: t}
	c := client(r)
	var once sync.Once
	c.OnEvent = func(e bootc.Event) {
		if e.Kind == bootc.EventProgress && e.Bytes < e.Total {
			once.Do(r.ExpireTokens)
		}
		rec.on(e)
	}
	r.Inject(testkit.Fault{Match: uploads, Times: 1, Do: testkit.Unauthorized()})
	img := makeImage(t, "linux/amd64", 1, 2, 3)
	p, err := c.Publish(t.Context(), img, r.Host+"/os", registry.PublishOptions{Unsigned: true, Tags: []string{"1"}})
	if err != nil || len(p.Tags) != 1 {
		t.Fatalf("published %+v, error %v", p, err)
	}
	c.OnEvent = nil
	c.Credentials[r.Host] = registry.Credential{Username: "u", Password: "another-word"}
	if _, err := c.Push(t.Context(), img, r.Host+"/os"); !errors.Is(err, registry.ErrUnauthorized) || strings.Contains(err.Error(), "another-word") {
		t.Errorf("error %v", err)
	}
}

// TestSilence: a registry that takes a request and never answers does not hold a cancelled call.
func TestSilence(t *testing.T) {
	img := makeImage(t, "linux/amd64", 1)
	for name, match := range map[string]func(*http.Request) bool{"upload": uploads, "HEAD": testkit.Method("HEAD"), "POST": testkit.Method("POST")} {
		r := testkit.NewOlareg(t, testkit.RegistryOptions{})
		r.Inject(testkit.Fault{Match: match, Do: func(_ http.ResponseWriter, q *http.Request, _ http.Handler) { <-q.Context().Done() }})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		start := time.Now()
		_, err := client(r).Push(ctx, img, r.Host+"/os")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 3*time.Second {
			t.Errorf("%s: error %v after %s", name, err, time.Since(start))
		}
	}
}
