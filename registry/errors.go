package registry

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/bootloom/bootloom/bootc"
)

// Sentinels for what a registry answers. Every error of a Client's method is a *bootc.OpError (or, for a mistake in
// the Client's own fields, a *bootc.FieldError in one) whose text keeps the registry's own words.
var (
	// ErrNotFound: no such repository, tag, manifest or blob (404), or no such platform in an index.
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized: the registry wants a login, or another one (401). Some registries also say so for a
	// repository that does not exist.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrDenied: the login is good but may not do this (403).
	ErrDenied = errors.New("denied")
	// ErrUnsupported: the registry does not offer this (405), such as deleting.
	ErrUnsupported = errors.New("unsupported by the registry")
	// ErrTooManyRequests: the registry limits its clients (429) and still did after the retries.
	ErrTooManyRequests = errors.New("too many requests")
	// ErrNoSpace: the registry has no room left (507).
	ErrNoSpace = errors.New("no space left in the registry")
	// ErrTLS: the connection could not be trusted. Client.CA adds a certificate authority.
	ErrTLS = errors.New("TLS failed")
	// ErrDigestMismatch: bytes are not those that their digest names.
	ErrDigestMismatch = errors.New("digest mismatch")
)

var sentinels = map[int]error{
	http.StatusNotFound:            ErrNotFound,
	http.StatusUnauthorized:        ErrUnauthorized,
	http.StatusForbidden:           ErrDenied,
	http.StatusMethodNotAllowed:    ErrUnsupported,
	http.StatusTooManyRequests:     ErrTooManyRequests,
	http.StatusInsufficientStorage: ErrNoSpace,
}

// statusError is an answer that was not the one wanted.
type statusError struct {
	method, path string
	code         int
	words        string // what the registry says
	codes        []string
	after        time.Duration // Retry-After
}

// Error keeps the registry's words.
func (e *statusError) Error() string {
	s := fmt.Sprintf("%s %s: %d %s", e.method, e.path, e.code, http.StatusText(e.code))
	if e.words != "" {
		s += ": " + e.words
	}
	return s
}

// Is says which sentinel the status stands for.
func (e *statusError) Is(target error) bool {
	if target == ErrDigestMismatch {
		return e.code == http.StatusBadRequest && strings.Contains(strings.Join(e.codes, " "), errcode.ErrorCodeDigestInvalid)
	}
	return target != nil && sentinels[e.code] == target
}

// errorOf reads the error in a response and closes its body.
func errorOf(resp *http.Response) *statusError {
	defer resp.Body.Close()
	e := &statusError{method: resp.Request.Method, path: resp.Request.URL.Path, code: resp.StatusCode, after: retryAfter(resp)}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 8<<10))
	var body struct {
		Errors errcode.Errors `json:"errors"`
	}
	switch {
	case json.Unmarshal(text, &body) == nil && len(body.Errors) > 0:
		e.words = clip(body.Errors.Error())
		for _, x := range body.Errors {
			e.codes = append(e.codes, x.Code)
		}
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain"):
		e.words = clip(strings.TrimSpace(string(text)))
	}
	return e
}

// tidy turns an error of the HTTP client into one that may be shown: no URL with a query in it (redirects to
// storage carry signatures there), no word of the login, and with its sentinel.
func tidy(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*errcode.ErrorResponse](err); ok { // from the token server, by way of the auth client
		err = &statusError{method: r.Method, path: r.URL.Host + r.URL.Path, code: r.StatusCode, words: clip(r.Errors.Error())}
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		where := u.URL
		if p, perr := url.Parse(u.URL); perr == nil {
			where = p.Host + p.Path
		}
		err = fmt.Errorf("%s %s: %w", strings.ToUpper(u.Op), where, u.Err)
	}
	if isTLS(err) {
		err = fmt.Errorf("%w: %w", ErrTLS, err)
	}
	for _, s := range secrets {
		if len(s) > 3 && strings.Contains(err.Error(), s) {
			return &redactedError{strings.ReplaceAll(err.Error(), s, "[redacted]"), err}
		}
	}
	return err
}

// redactedError shows less than its cause.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }

// isNoLogin says whether the registry wants a login and none was found.
func isNoLogin(err error) bool { return errors.Is(err, auth.ErrBasicCredentialNotFound) }

func isTLS(err error) bool {
	var (
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		alert    tls.AlertError
	)
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &hostname) ||
		errors.As(err, &invalid) || errors.As(err, &record) || errors.As(err, &alert) ||
		strings.Contains(err.Error(), "remote error: tls: ") // alerts inside *net.OpError have no exported type
}

// opError wraps err, once, in what was done to what.
func opError(op, ref string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*bootc.OpError](err); ok {
		return err
	}
	return &bootc.OpError{Op: op, Ref: clip(ref), Err: err}
}
