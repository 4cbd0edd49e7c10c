package registry

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
)

// wire is what calls can share: connections, logins and tokens, and what is known of the registries. Without it each of them
// shakes hands and asks for a token anew.
type wire struct {
	reach  Client // what it was made for
	http   *http.Client
	events sync.Mutex // callbacks are serial

	mu     sync.Mutex
	hosts  map[string]*host // by the name that references have
	access map[string]*access
}

// host is what is known of a registry.
type host struct {
	base     url.URL // scheme and host
	answered atomic.Bool
}

// access is how to get at a repository.
type access struct {
	host       *host
	login      Credential
	auth       atomic.Pointer[auth.Client]
	authorized atomic.Bool  // a request with a login or token has gone well
	writes     atomic.Bool  // so has one that may write
	lists      atomic.Int32 // whether the registry lists referrers
	http       *http.Client
}

// reaches is the part of a Client that says whom it trusts and as whom it comes.
func (c Client) reaches() Client {
	return Client{AuthFile: c.AuthFile, Credentials: maps.Clone(c.Credentials), Anonymous: c.Anonymous, CA: c.CA,
		ClientCert: c.ClientCert, ClientKey: c.ClientKey, InsecureSkipTLSVerify: c.InsecureSkipTLSVerify}
}

// newWire checks the Client's fields.
func newWire(c Client) (*wire, error) {
	tlsConfig, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	if err := c.checkAuth(); err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &wire{
		reach: c.reaches(),
		http: &http.Client{Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSClientConfig:     tlsConfig,
			TLSHandshakeTimeout: 30 * time.Second,
			MaxIdleConnsPerHost: parallel,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true, // bytes must arrive as they are stored: digests are over those
			ForceAttemptHTTP2:   true,
			WriteBufferSize:     64 << 10,
			ReadBufferSize:      64 << 10,
		}},
		hosts:  map[string]*host{},
		access: map[string]*access{},
	}, nil
}

// serves says whether c reaches registries in the very way that w was made for: who is lent a Client may change it.
func (w *wire) serves(c Client) bool { return w != nil && reflect.DeepEqual(w.reach, c.reaches()) }

// reached says whether the registry has answered.
func (w *wire) reached(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hosts[name]
	return h != nil && h.answered.Load()
}

// host finds out how to talk to a registry.
func (w *wire) host(ctx context.Context, name string) *host {
	w.mu.Lock()
	h := w.hosts[name]
	w.mu.Unlock()
	if h != nil {
		return h
	}
	h = &host{base: url.URL{Scheme: "https", Host: name}}
	if name == "docker.io" {
		h.base.Host = "registry-1.docker.io" // where Docker Hub has its API
	}
	if w.reach.InsecureSkipTLSVerify && !w.speaks(ctx, h.base) {
		plain := h.base
		plain.Scheme = "http"
		if w.speaks(ctx, plain) {
			h.base = plain
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if first := w.hosts[name]; first != nil { // of two that asked at once
		return first
	}
	w.hosts[name] = h
	return h
}

func (w *wire) speaks(ctx context.Context, base url.URL) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+"/v2/", nil)
	if err != nil {
		return false
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// open finds out how to get at a repository.
func (w *wire) open(ctx context.Context, c Client, r ref) (*access, error) {
	w.mu.Lock()
	known := w.access[r.repository()]
	w.mu.Unlock()
	if known != nil {
		return known, nil
	}
	login, err := c.credential(ctx, r.host, r.path)
	if err != nil {
		return nil, err
	}
	a := &access{login: login, http: w.http, host: w.host(ctx, r.host)}
	a.forgetToken()
	w.mu.Lock()
	defer w.mu.Unlock()
	if first := w.access[r.repository()]; first != nil {
		return first, nil
	}
	w.access[r.repository()] = a
	return a, nil
}

// forgetToken makes the next request ask for a new token.
func (a *access) forgetToken() {
	a.auth.Store(&auth.Client{
		Client:   a.http,
		Header:   http.Header{"User-Agent": {"bootloom"}},
		Cache:    auth.NewCache(),
		ClientID: "bootloom",
		Credential: func(_ context.Context, hostport string) (auth.Credential, error) {
			if hostport != a.host.base.Host {
				return auth.EmptyCredential, nil
			}
			if a.login.IdentityToken != "" {
				return auth.Credential{RefreshToken: a.login.IdentityToken}, nil
			}
			return auth.Credential{Username: a.login.Username, Password: a.login.Password}, nil
		},
	})
}
