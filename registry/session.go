package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"oras.land/oras-go/v2/registry/remote/auth"
)

// session is one call of a Client's method.
type session struct {
	client Client
	wire   *wire
	own    bool // the wire is this session's, and nobody's after it
	mu     sync.Mutex
	repos  map[string]*repo
}

// session checks the Client's fields and opens no connection yet.
func (c Client) session() (*session, error) {
	s := &session{client: c, wire: c.wire, repos: map[string]*repo{}}
	if c.wire.serves(c) {
		return s, nil
	}
	var err error
	s.wire, err = newWire(c)
	s.own = true
	return s, err
}

// close drops the idle connections.
func (s *session) close() {
	if s.own {
		s.wire.http.CloseIdleConnections()
	}
}

// lend is the Client whose calls use the connections and logins of this session.
func (s *session) lend() Client {
	c := s.client
	c.wire = s.wire
	return c
}

// Keep returns the Client for several calls in a row, which then share connections, logins and tokens; done drops the
// idle connections. A Signer gets such a Client from Publish. A change of its fields holds for the calls after it: where
// it changes whom the Client trusts or as whom it comes, they share nothing with those before.
func (c Client) Keep() (kept Client, done func(), err error) {
	s, err := c.session()
	if err != nil {
		return c, func() {}, err
	}
	return s.lend(), s.close, nil
}

// repo is a repository as this session reaches it.
type repo struct {
	*access
	session *session
	ref     ref // without tag and digest
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
	a, err := s.wire.open(ctx, s.client, r)
	if err != nil {
		return nil, err
	}
	p := &repo{access: a, session: s, ref: r}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[r.repository()] = p
	return p, nil
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
		send = r.session.wire.http.Do
	}
	scope := c.scope
	if slices.Equal(scope, toRead) && r.writes.Load() {
		scope = toWrite // the token is there
	}
	scopes := []string{auth.ScopeRepository(r.ref.path, scope...)}
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
		if slices.Equal(scope, toWrite) {
			r.writes.Store(true)
		}
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
