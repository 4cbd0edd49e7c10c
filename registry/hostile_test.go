package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// says makes a registry answer with a body of its own.
func says(mediaType, body string) testkit.Action {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", mediaType)
		io.WriteString(w, body)
	}
}

func TestHostileManifests(t *testing.T) {
	const oci = "application/vnd.oci.image.manifest.v1+json"
	good := `{"mediaType":"` + oci + `","digest":"sha256:` + strings.Repeat("0", 64) + `","size":1}`
	for name, tt := range map[string]struct{ mediaType, body, want string }{
		"not JSON":         {oci, "<html>", "is not JSON"},
		"empty":            {oci, "", "is not JSON"},
		"too large":        {oci, `{"x":"` + strings.Repeat("x", 5<<20) + `"}`, "larger than"},
		"schema 1":         {"application/vnd.docker.distribution.manifest.v1+json", `{"schemaVersion":1}`, "cannot handle a manifest of type"},
		"two in one":       {oci, `{"config":` + good + `,"layers":[],"manifests":[]}`, "does not look like its type"},
		"other than said":  {oci, `{"mediaType":"application/vnd.oci.image.index.v1+json","config":` + good + `}`, "does not look like its type"},
		"digest is a path": {oci, `{"config":{"digest":"sha256:../../../../etc/passwd","size":1},"layers":[]}`, "no digest or size"},
		"unknown hash":     {oci, `{"config":{"digest":"md5:d41d8cd98f00b204e9800998ecf8427e","size":1},"layers":[]}`, "no digest or size"},
		"no digest":        {oci, `{"config":{},"layers":[]}`, "no digest or size"},
		"negative size":    {oci, `{"config":` + strings.Replace(good, `"size":1`, `"size":-1`, 1) + `,"layers":[]}`, "no digest or size"},
		"huge config":      {oci, `{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:` + strings.Repeat("0", 64) + `","size":99999999999},"layers":[]}`, "more than"},
		"no platforms":     {"application/vnd.oci.image.index.v1+json", `{"manifests":[` + good + `]}`, "no image for"},
	} {
		t.Run(name, func(t *testing.T) {
			r := testkit.NewOlareg(t, testkit.RegistryOptions{})
			r.Inject(testkit.Fault{Match: testkit.PathContains("GET", "/manifests/"), Do: says(tt.mediaType, tt.body)})
			dir := t.TempDir()
			_, err := client(r).Pull(t.Context(), r.Host+"/os:1", "oci:"+dir, registry.PullOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 1000 {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if n := len(r.Requests()); n > 5 {
				t.Errorf("asked %d times", n)
			}
			if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
				t.Error("there is an index")
			}
		})
	}
}

func TestManifestIsNotItsDigest(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	r.Inject(testkit.Fault{Match: testkit.Method("GET"), Do: says("application/vnd.oci.image.index.v1+json", `{"manifests":[]}`)})
	_, err := client(r).GetManifest(t.Context(), r.Host+"/os@"+zeros)
	if !errors.Is(err, registry.ErrDigestMismatch) {
		t.Errorf("error %v", err)
	}
}

// TestForeignHosts: redirects to storage and uploads elsewhere work, get no login, and do not show their signed URLs.
func TestForeignHosts(t *testing.T) {
	var leaked atomic.Bool
	var status atomic.Int64
	content := []byte("a blob that lives elsewhere")
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		io.Copy(io.Discard, q.Body)
		w.WriteHeader(int(status.Load()))
		if q.Method == http.MethodGet {
			w.Write(content)
		}
	}))
	defer storage.Close()
	r := testkit.NewOlareg(t, testkit.RegistryOptions{Username: "u", Password: "password"})
	elsewhere := func(base string) testkit.Action {
		return func(w http.ResponseWriter, q *http.Request, _ http.Handler) {
			w.Header().Set("Location", base+"/bucket/key?X-Signature=hush")
			w.WriteHeader(map[string]int{"GET": http.StatusTemporaryRedirect, "POST": http.StatusAccepted}[q.Method])
		}
	}
	c := client(r)
	ref := r.Host + "/os@" + digest.FromBytes(content).String()

	for _, tt := range []struct {
		base   string
		status int
		ok     bool
	}{{storage.URL, 200, true}, {storage.URL, 403, false}, {"http://127.0.0.1:1", 0, false}} {
		status.Store(int64(tt.status))
		r.Reset()
		// The first request finds out that there is a login; it has to come through.
		r.Inject(testkit.Fault{Match: func(q *http.Request) bool {
			return q.Method == "GET" && strings.Contains(q.URL.Path, "/blobs/") && q.Header.Get("Authorization") != ""
		}, Do: elsewhere(tt.base)})
		b, err := c.GetBlob(t.Context(), ref, 100)
		if (err == nil) != tt.ok || tt.ok && string(b) != string(content) {
			t.Errorf("%+v: %q, error %v", tt, b, err)
		}
		if err != nil && (strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "/bucket/key")) {
			t.Errorf("%+v: error %v", tt, err)
		}
		r.Inject(testkit.Fault{Match: testkit.Method("POST"), Do: elsewhere(tt.base)})
		if tt.ok {
			status.Store(201)
		}
		_, err = c.PutBlob(t.Context(), r.Host+"/os", "text/plain", content)
		if (err == nil) != tt.ok {
			t.Errorf("%+v: error %v", tt, err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%+v: error %v", tt, err)
		}
	}
	if leaked.Load() {
		t.Error("the login went to another host")
	}
}

// TestRegistrysWords: what a registry says is kept, whatever form it has, but neither floods the error nor repeats the login.
func TestRegistrysWords(t *testing.T) {
	quoted, _ := json.Marshal("quota of acme is used up")
	for name, tt := range map[string]struct{ mediaType, body, want string }{
		"JSON":       {"application/json", fmt.Sprintf(`{"errors":[{"code":"DENIED","message":%s}]}`, quoted), "denied: quota of acme is used up"},
		"text":       {"text/plain; charset=utf-8", "quota of acme is used up\n", "quota of acme is used up"},
		"page":       {"text/html", "<html>quota", "403 Forbidden"},
		"nothing":    {"", "", "403 Forbidden"},
		"flood":      {"text/plain", strings.Repeat("x", 1<<20), "…"},
		"with login": {"text/plain", "user u with the-password may not", "user u with [redacted] may not"},
	} {
		r := testkit.NewOlareg(t, testkit.RegistryOptions{Username: "u", Password: "the-password"})
		r.Inject(testkit.Fault{Match: func(q *http.Request) bool { return q.Header.Get("Authorization") != "" }, Do: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", tt.mediaType)
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, tt.body)
		}})
		_, err := client(r).Tags(t.Context(), r.Host+"/os")
		if !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 500 {
			t.Errorf("%s: error %.600v", name, err)
		}
	}
}
