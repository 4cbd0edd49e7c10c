package testkit

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// A Fault breaks requests to a [Registry].
type Fault struct {
	// Match chooses the requests; nil for all.
	Match func(*http.Request) bool
	// Skip lets that many matching requests through first.
	Skip int
	// Times is how many are broken; 0 for every one.
	Times int
	// Do answers in place of the registry.
	Do Action

	seen int
}

// An Action answers a request in place of next, or spoils what next does.
type Action func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Inject adds a fault. The first one that matches a request and is not used up breaks it.
func (r *Registry) Inject(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, &f)
}

func (r *Registry) fault(q *http.Request) Action {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.faults {
		if f.Match != nil && !f.Match(q) {
			continue
		}
		f.seen++
		if f.seen > f.Skip && (f.Times == 0 || f.seen <= f.Skip+f.Times) {
			return f.Do
		}
	}
	return nil
}

// Method matches requests of any of the methods.
func Method(methods ...string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		for _, m := range methods {
			if r.Method == m {
				return true
			}
		}
		return false
	}
}

// PathContains matches requests of method, any if empty, whose path has part in it: "/manifests/", "/blobs/uploads/".
func PathContains(method, part string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return (method == "" || r.Method == method) && strings.Contains(r.URL.Path, part)
	}
}

// Status answers with an error status and the error body of the distribution specification. retryAfter is in seconds; 0
// for no such header. The request's body is read first, so that the client sees the answer and not a cut connection.
func Status(code, retryAfter int) Action {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		if retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		}
		errorCode := map[int]string{401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN", 429: "TOOMANYREQUESTS"}[code]
		if errorCode == "" {
			errorCode = "UNKNOWN"
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"errors":[{"code":"`+errorCode+`","message":"injected fault `+strconv.Itoa(code)+`"}]}`)
	}
}

// Unauthorized answers 401 with a challenge for basic authentication, as when a login expires.
func Unauthorized() Action {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test registry"`)
		Status(http.StatusUnauthorized, 0)(w, r, next)
	}
}

// Drop cuts the connection once n bytes of body have passed, up or down: the registry gets n bytes of an upload, the
// client gets n bytes of a download. A shorter upload reaches the registry whole, and the client does not hear of it.
func Drop(n int64) Action {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		cut := &cutter{ResponseWriter: w, body: r.Body, up: n, down: n}
		cut.uploads = r.ContentLength != 0
		r.Body = cut
		next.ServeHTTP(cut, r)
		panic(http.ErrAbortHandler) // net/http cuts the connection
	}
}

var errDropped = errors.New("injected fault: connection dropped")

// cutter passes so many bytes of the request's body, or if there is none, of the answer's.
type cutter struct {
	http.ResponseWriter
	body     io.ReadCloser
	uploads  bool
	up, down int64
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.up == 0 {
		return 0, errDropped
	}
	if int64(len(p)) > c.up {
		p = p[:c.up]
	}
	n, err := c.body.Read(p)
	c.up -= int64(n)
	return n, err
}

func (c *cutter) Close() error { return c.body.Close() }

func (c *cutter) WriteHeader(code int) {
	if c.uploads {
		return // the client never hears of it
	}
	c.ResponseWriter.WriteHeader(code)
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.uploads {
		return len(p), nil
	}
	short := p[:min(int64(len(p)), c.down)]
	n, err := c.ResponseWriter.Write(short)
	c.down -= int64(n)
	if err == nil && len(short) < len(p) {
		if f, ok := c.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// meter counts a request's body. A reverse proxy may still read it while the request ends.
type meter struct {
	io.ReadCloser
	n atomic.Int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.n.Add(int64(n))
	return n, err
}

// response counts an answer's body and notes its status.
type response struct {
	http.ResponseWriter
	status int
	n      int64
}

func (w *response) WriteHeader(code int) {
	if w.status == 0 && code >= 200 { // not 100 Continue
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

func (w *response) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}
