package testkit

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tokenServer gives bearer tokens as the distribution project's token specification has it (docs/spec/auth/token.md):
// GET /token with basic authentication. A token is good for everything, for as long as it lives.
type tokenServer struct {
	registry *Registry
	lifetime time.Duration

	mu     sync.Mutex
	expiry map[string]time.Time
}

func newTokenServer(r *Registry, lifetime time.Duration) *tokenServer {
	return &tokenServer{registry: r, lifetime: lifetime, expiry: map[string]time.Time{}}
}

// ExpireTokens makes every bearer token that was given so far invalid.
func (r *Registry) ExpireTokens() {
	if s := r.tokens; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		clear(s.expiry)
	}
}

func (s *tokenServer) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			s.give(w, r)
			return
		}
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !s.valid(token) {
			challenge := fmt.Sprintf(`Bearer realm="%s/token",service="test"`, s.registry.URL())
			if scope := scopeOf(r); scope != "" {
				challenge += `,scope="` + scope + `"`
			}
			w.Header().Set("WWW-Authenticate", challenge)
			Status(http.StatusUnauthorized, 0)(w, r, nil)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *tokenServer) give(w http.ResponseWriter, r *http.Request) {
	if s.registry.Username != "" && !hasLogin(r, s.registry.Username, s.registry.Password) {
		Unauthorized()(w, r, nil)
		return
	}
	token := rand.Text()
	s.mu.Lock()
	s.expiry[token] = time.Now().Add(s.lifetime)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"token": token, "access_token": token, "expires_in": max(1, int(s.lifetime.Seconds())), "issued_at": time.Now().UTC().Format(time.RFC3339),
	})
}

func (s *tokenServer) valid(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.expiry[token])
}

// scopeOf returns the scope that a request needs: "repository:NAME:pull" or "…:pull,push"; none for /v2/ itself.
func scopeOf(r *http.Request) string {
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	for _, part := range []string{"/blobs/", "/manifests/", "/tags/", "/referrers/"} {
		if name, _, ok := strings.Cut(path, part); ok {
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				return "repository:" + name + ":pull"
			}
			return "repository:" + name + ":pull,push"
		}
	}
	return ""
}
