package registry

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
)

// session is one call of a Client's method: its connections, tokens and events.
type session struct {
	client Client
	http   *http.Client
	events sync.Mutex

	mu    sync.Mutex
	hosts map[string]*host // by the name that references have
	repos map[string]*repo
}

// host is what a session has learnt about a registry.
type host struct {
	base     url.URL // scheme and host
	answered atomic.Bool
}

// session checks the Client's fields and opens no connection yet.
func (c Client) session() (*session, error) {
	tlsConfig, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	if err := c.checkAuth(); err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &session{
		client: c,
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
		hosts: map[string]*host{},
		repos: map[string]*repo{},
	}, nil
}

// close drops the idle connections.
func (s *session) close() { s.http.CloseIdleConnections() }

// reached says whether the registry has answered in this session.
func (s *session) reached(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[name]
	return h != nil && h.answered.Load()
}

// host finds out how to talk to a registry.
func (s *session) host(ctx context.Context, name string) *host {
	s.mu.Lock()
	h := s.hosts[name]
	s.mu.Unlock()
	if h != nil {
		return h
	}
	h = &host{base: url.URL{Scheme: "https", Host: name}}
	if name == "docker.io" {
		h.base.Host = "registry-1.docker.io" // where Docker Hub has its API
	}
	if s.client.InsecureSkipTLSVerify && !s.speaks(ctx, h.base) {
		plain := h.base
		plain.Scheme = "http"
		if s.speaks(ctx, plain) {
			h.base = plain
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.hosts[name]; first != nil { // of two that asked at once
		return first
	}
	s.hosts[name] = h
	return h
}

func (s *session) speaks(ctx context.Context, base url.URL) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+"/v2/", nil)
	if err != nil {
		return false
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// repo is a repository as this session reaches it.
type repo struct {
	session    *session
	host       *host
	ref        ref // without tag and digest
	login      Credential
	auth       atomic.Pointer[auth.Client]
	authorized atomic.Bool  // a request with a login or token has gone well
	lists      atomic.Int32 // whether the registry lists referrers
}

// repo returns the repository of r with the login for it.
func (s *session) repo(ctx context.Context, r ref) (*repo, error) {
	r.tag, r.digest = "", ""
	s.mu.Lock()
	known := s.repos[r.repository()]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	login, err := s.client.credential(ctx, r.host, r.path)
	if err != nil {
		return nil, err
	}
	p := &repo{session: s, host: s.host(ctx, r.host), ref: r, login: login}
	p.forgetToken()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[r.repository()] = p
	return p, nil
}

// forgetToken makes the next request ask for a new token.
func (r *repo) forgetToken() {
	r.auth.Store(&auth.Client{
		Client:   r.session.http,
		Header:   http.Header{"User-Agent": {"bootloom"}},
		Cache:    auth.NewCache(),
		ClientID: "bootloom",
		Credential: func(_ context.Context, hostport string) (auth.Credential, error) {
			if hostport != r.host.base.Host {
				return auth.EmptyCredential, nil
			}
			if r.login.IdentityToken != "" {
				return auth.Credential{RefreshToken: r.login.IdentityToken}, nil
			}
			return auth.Credential{Username: r.login.Username, Password: r.login.Password}, nil
		},
	})
}

// call is one request to a repository.
type call struct {
	method string
	path   string   // after /v2/NAME/, may have a query
	url    *url.URL // instead of path: where the registry said to go on
	header http.Header
	body   io.Reader
	size   int64    // of the body
	once   bool     // the body cannot be sent again: no asking for a login
	from   string   // another repository of the same registry that is read from
	want   []int    // status codes that are no error
	scope  []string // actions on the repository
}

var (
	toRead   = []string{auth.ActionPull}
	toWrite  = []string{auth.ActionPull, auth.ActionPush}
	toDelete = []string{auth.ActionPull, auth.ActionDelete}
)

// do sends a call and returns an answer that is wanted; every other one is an error. The caller closes the body.
func (r *repo) do(ctx context.Context, c call) (*http.Response, error) {
	at := c.url
	if at == nil {
		var err error
		if at, err = url.Parse(r.host.base.String() + "/v2/" + r.ref.path + "/" + c.path); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, c.method, at.String(), c.body)
	if err != nil {
		return nil, err
	}
	if c.header != nil {
		req.Header = c.header
	}
	if c.body != nil {
		req.ContentLength = c.size
	}
	send := r.auth.Load().Do
	if c.once && req.Header.Get("Authorization") == "" {
		send = r.session.http.Do
	}
	scopes := []string{auth.ScopeRepository(r.ref.path, c.scope...)}
	if c.from != "" {
		scopes = append(scopes, auth.ScopeRepository(c.from, auth.ActionPull))
	}
	resp, err := send(req.WithContext(auth.AppendScopesForHost(ctx, at.Host, scopes...)))
	if err != nil {
		return nil, r.failed(err)
	}
	r.host.answered.Store(true)
	if resp.StatusCode < 400 && resp.Request.Header.Get("Authorization") != "" {
		r.authorized.Store(true)
	}
	for _, code := range c.want {
		if resp.StatusCode == code {
			return resp, nil
		}
	}
	bad := errorOf(resp)
	if bad.code == http.StatusUnauthorized && r.login == (Credential{}) {
		bad.words += r.noLogin()
	}
	return nil, tidy(bad, r.login.Password, r.login.IdentityToken)
}

// failed explains a request that got no answer from the registry itself.
func (r *repo) failed(err error) error {
	if isNoLogin(err) {
		return fmt.Errorf("%w%s", ErrUnauthorized, r.noLogin())
	}
	return &transportError{tidy(err, r.login.Password, r.login.IdentityToken)}
}

func (r *repo) noLogin() string {
	return fmt.Sprintf(" (no login for %s was found; Client.Credentials or Client.AuthFile can have one)", r.ref.host)
}
