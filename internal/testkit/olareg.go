package testkit

import (
	"crypto/subtle"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"
)

// NewOlareg starts a registry in this process that lives as long as the test: OCI distribution 1.1 with the referrers API,
// resumable uploads, and deletes, all in memory unless o.Dir says otherwise.
func NewOlareg(t testing.TB, o RegistryOptions) *Registry {
	t.Helper()
	r, err := StartOlareg(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// StartOlareg is NewOlareg for programs, which must Close it.
func StartOlareg(o RegistryOptions) (*Registry, error) {
	r, l, _, err := newFront(o)
	if err != nil {
		return nil, err
	}
	yes, push := true, !o.ReadOnly
	store := config.StoreMem
	if o.Dir != "" {
		store = config.StoreDir
	}
	server := olareg.New(config.Config{
		Storage: config.ConfigStorage{StoreType: store, RootDir: o.Dir, GC: config.ConfigGC{Frequency: -1}},
		API: config.ConfigAPI{
			PushEnabled: &push, DeleteEnabled: &yes, Blob: config.ConfigAPIBlob{DeleteEnabled: &yes},
		},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	var h http.Handler = &firstAlone{next: server, repositories: map[string]*repository{}}
	switch {
	case o.TokenLifetime > 0:
		r.tokens = newTokenServer(r, o.TokenLifetime)
		h = r.tokens.protect(h)
	case o.Username != "":
		h = basicAuth(h, o.Username, o.Password)
	}
	r.stop = func() { _ = server.Close() }
	r.serve(l, h)
	return r, nil
}

func basicAuth(next http.Handler, username, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hasLogin(r, username, password) {
			Unauthorized()(w, r, nil)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hasLogin(r *http.Request, username, password string) bool {
	u, p, ok := r.BasicAuth()
	return ok && subtle.ConstantTimeCompare([]byte(u), []byte(username)) == 1 &&
		subtle.ConstantTimeCompare([]byte(p), []byte(password)) == 1
}

// firstAlone lets the request with which a repository comes to be through alone. olareg 0.1.2 makes it without a lock that
// readers of the repository would hold, which the race detector sees.
type firstAlone struct {
	next         http.Handler
	mu           sync.Mutex
	repositories map[string]*repository
}

type repository struct {
	mu   sync.RWMutex
	made bool
}

func (f *firstAlone) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	name, _, upload := strings.Cut(q.URL.Path, "/blobs/uploads/")
	if !upload {
		name, _, _ = strings.Cut(q.URL.Path, "/blobs/")
		name, _, _ = strings.Cut(name, "/manifests/")
	}
	f.mu.Lock()
	r := f.repositories[name]
	if r == nil {
		r = &repository{}
		f.repositories[name] = r
	}
	f.mu.Unlock()
	if q.Method == http.MethodPost {
		r.mu.Lock()
		first := !r.made
		r.made = true
		if first {
			defer r.mu.Unlock()
			f.next.ServeHTTP(w, q)
			return
		}
		r.mu.Unlock()
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	f.next.ServeHTTP(w, q)
}
