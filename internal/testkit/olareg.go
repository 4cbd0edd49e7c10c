package testkit

import (
	"crypto/subtle"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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
	var h http.Handler = server
	if o.Dir != "" {
		h = &apart{next: server, repositories: map[string]*repository{}}
	}
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

// apart keeps requests of a repository apart that olareg 0.1.2 lets race in its directories, which the race detector sees: those
// that make the repository or read its index again, and all others.
type apart struct {
	next         http.Handler
	mu           sync.Mutex
	repositories map[string]*repository
}

type repository struct {
	sync.RWMutex
	made atomic.Bool
}

func (a *apart) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	name, kind := q.URL.Path, ""
	for _, k := range []string{"/blobs/", "/manifests/", "/tags/", "/referrers/"} {
		if before, _, ok := strings.Cut(q.URL.Path, k); ok {
			name, kind = before, k
		}
	}
	a.mu.Lock()
	r := a.repositories[name]
	if r == nil {
		r = &repository{}
		a.repositories[name] = r
	}
	a.mu.Unlock()
	if kind != "/blobs/" || q.Method == http.MethodPost && r.made.CompareAndSwap(false, true) {
		r.Lock()
		defer r.Unlock()
	} else {
		r.RLock()
		defer r.RUnlock()
	}
	a.next.ServeHTTP(w, q)
}
