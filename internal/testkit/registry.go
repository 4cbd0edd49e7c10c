package testkit

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// RegistryOptions say what a test registry asks of its clients. The zero value is plain HTTP for everyone.
type RegistryOptions struct {
	// TLS serves HTTPS with a certificate of a CA that only this registry has.
	TLS bool
	// ClientCert asks for a client certificate as well; implies TLS.
	ClientCert bool
	// Username and Password, if set, must be given: by basic authentication, htpasswd in the case of docker-registry.
	Username, Password string
	// TokenLifetime, if set, makes the registry ask for a bearer token instead, which its own token server gives
	// for Username and Password and which is refused after that time. Olareg only.
	TokenLifetime time.Duration
	// Dir keeps what the registry has in files there: for olareg, for what is too large for memory. For docker-registry it is
	// where its own directory is made, instead of the one for temporary files.
	Dir string
	// ReadOnly refuses every write with 405.
	ReadOnly bool
}

// A Registry is a registry on loopback, with a front that counts and breaks requests.
type Registry struct {
	Host string // 127.0.0.1:port, to put before a repository's name
	CA   []byte // PEM of the CA of its certificate; nil without TLS

	// Backend is docker-registry itself, behind the front: requests there are neither counted nor slowed.
	Backend string

	Username, Password    string // what a client must give; empty if nothing
	ClientCert, ClientKey []byte // PEM of a client certificate that it accepts; nil unless asked for

	front  *http.Server
	served chan struct{}
	client *http.Client
	stop   func() // ends what is behind the front
	tokens *tokenServer

	mu       sync.Mutex
	active   int  // requests that are being answered
	closed   bool // no more are
	requests []Request
	faults   []*Fault
}

// A Request is what the registry saw of one request, when it was over.
type Request struct {
	Method string
	Path   string // "/v2/acme/os/manifests/1"
	Query  string
	Status int   // 0 if the connection was cut before there was one
	In     int64 // bytes of body received
	Out    int64 // bytes of body sent
}

// URL returns the registry's base, "http://127.0.0.1:port" or with https.
func (r *Registry) URL() string {
	if r.CA != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// Client returns an HTTP client that trusts the registry's CA and shows the client certificate. It gives no password.
func (r *Registry) Client() *http.Client { return r.client }

// Requests returns the requests since the start or the last [Registry.Reset], in the order of their end. A client can have
// an answer a moment before the request is over here, so Requests waits for those that are not, for a second at most.
func (r *Registry) Requests() []Request {
	r.settle(time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// settle waits until no request is being answered, or so long.
func (r *Registry) settle(most time.Duration) {
	for deadline := time.Now().Add(most); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		r.mu.Lock()
		active := r.active
		r.mu.Unlock()
		if active == 0 {
			return
		}
	}
}

// Reset forgets the requests and the faults so far.
func (r *Registry) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.faults = nil, nil
}

// Uploaded returns how many bytes of blobs came in.
func (r *Registry) Uploaded() int64 {
	return r.sum("/blobs/", func(q Request) int64 { return q.In })
}

// Downloaded returns how many bytes of blobs went out.
func (r *Registry) Downloaded() int64 {
	return r.sum("/blobs/", func(q Request) int64 { return q.Out })
}

func (r *Registry) sum(path string, bytes func(Request) int64) (n int64) {
	for _, q := range r.Requests() {
		// The bodies of errors and of upload sessions' answers are not blobs.
		if strings.Contains(q.Path, path) && q.Status < 400 {
			n += bytes(q)
		}
	}
	return n
}

// Close ends the registry and forgets what it has.
func (r *Registry) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	err := r.front.Close()
	<-r.served
	r.client.CloseIdleConnections()
	r.settle(5 * time.Second) // what is behind must not go while it answers
	if r.stop != nil {
		r.stop()
	}
	return err
}

// newFront listens, and prepares the certificates; serve then starts it.
func newFront(o RegistryOptions) (*Registry, net.Listener, *CA, error) {
	r := &Registry{Username: o.Username, Password: o.Password, served: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, nil, err
	}
	r.Host = l.Addr().String()
	transport := &http.Transport{}
	r.client = &http.Client{Transport: transport}
	if !o.TLS && !o.ClientCert {
		return r, l, nil, nil
	}
	ca, err := NewCA()
	if err != nil {
		return nil, nil, nil, errors.Join(err, l.Close())
	}
	r.CA = ca.PEM
	certPEM, keyPEM, err := ca.Server()
	cert, err2 := tls.X509KeyPair(certPEM, keyPEM)
	if err := errors.Join(err, err2); err != nil {
		return nil, nil, nil, errors.Join(err, l.Close())
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	transport.TLSClientConfig = &tls.Config{RootCAs: ca.pool()}
	if o.ClientCert {
		config.ClientCAs, config.ClientAuth = ca.pool(), tls.RequireAndVerifyClientCert
		if r.ClientCert, r.ClientKey, err = ca.Client("test client"); err == nil {
			cert, err = tls.X509KeyPair(r.ClientCert, r.ClientKey)
		}
		if err != nil {
			return nil, nil, nil, errors.Join(err, l.Close())
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{cert}
	}
	// HTTP/1 only: a fault that drops a request then cuts a connection, as a broken network does.
	return r, tls.NewListener(l, config), ca, nil
}

// serve starts the front before backend.
func (r *Registry) serve(l net.Listener, backend http.Handler) {
	r.front = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.handle(w, q, backend) }),
		// Cut connections and refused handshakes are what tests are about.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(r.served)
		_ = r.front.Serve(l) // returns when closed
	}()
}

func (r *Registry) handle(w http.ResponseWriter, q *http.Request, backend http.Handler) {
	in := &meter{ReadCloser: q.Body}
	out := &response{ResponseWriter: w}
	seen := Request{Method: q.Method, Path: q.URL.Path, Query: q.URL.RawQuery}
	q.Body = in
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.active++
	r.mu.Unlock()
	defer func() { // also when a fault panics to cut the connection
		r.mu.Lock()
		defer r.mu.Unlock()
		seen.Status, seen.In, seen.Out = out.status, in.n.Load(), out.n
		r.requests = append(r.requests, seen)
		r.active--
	}()
	if do := r.fault(q); do != nil {
		do(out, q, backend)
		return
	}
	backend.ServeHTTP(out, q)
}
