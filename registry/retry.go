package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

const (
	defaultAttempts = 4
	defaultDelay    = time.Second
	longestDelay    = time.Minute

	// renewals are how many tokens may expire under one request: a new one may be revoked with the old.
	renewals = 2
)

// transient are the answers that another attempt may change. 507 is not: a full disk stays full.
var transient = []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
	http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// backoff returns how long to wait after n failed attempts, and whether there is another one.
func (s *session) backoff(n int) (wait time.Duration, more bool) {
	attempts, delay := s.client.Retry.Attempts, s.client.Retry.Delay
	if attempts <= 0 {
		attempts = defaultAttempts
	}
	if delay <= 0 {
		delay = defaultDelay
	}
	wait = longestDelay
	if shift := n - 1; shift < 16 {
		wait = min(delay<<shift, longestDelay)
	}
	return wait + time.Duration(rand.Int64N(int64(wait)/10+1)), n < attempts
}

// retry calls try until it succeeds, fails for good, or has been called often enough. Each call has its own context,
// which ends with it. what is the reference, digest or repository that events and errors name.
func (s *session) retry(ctx context.Context, op, what string, r *repo, try func(context.Context) error) error {
	renewed := 0
	for n := 1; ; n++ {
		err := attempt(ctx, try)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ended(ctx)
		}
		wait, more := s.backoff(n - renewed)
		switch status, _ := errors.AsType[*statusError](err); {
		case !isFinal(err) && status != nil && status.code == http.StatusUnauthorized && r.authorized.Load() && renewed < renewals:
			// The login was good a moment ago: the token has expired. That costs none of the attempts.
			renewed, wait = renewed+1, 0
			r.forgetToken()
		case !r.retryable(err):
			return err
		case !more && n > 1:
			return fmt.Errorf("%w (after %d attempts)", err, n)
		case !more:
			return err
		case status != nil && status.after > longestDelay:
			return fmt.Errorf("%w (the registry asks to wait %s)", err, status.after)
		case status != nil:
			wait = max(wait, status.after)
		}
		s.emit(bootc.Event{Kind: bootc.EventRetry, Op: op, Ref: what, Text: err.Error()})
		select {
		case <-ctx.Done():
			return ended(ctx)
		case <-time.After(wait):
		}
	}
}

// ended returns why ctx is done: its error, and its cause if there is another one.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}

func attempt(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return try(ctx)
}

// retryable says whether err may pass: an answer in transient, or a connection that broke. Everything else is
// final: wrong bytes, a login, TLS, a host that never answered, files of this machine.
func (r *repo) retryable(err error) bool {
	if isFinal(err) {
		return false
	}
	if status, ok := errors.AsType[*statusError](err); ok {
		return slices.Contains(transient, status.code)
	}
	if errors.Is(err, ErrDigestMismatch) || errors.Is(err, ErrTLS) {
		return false
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return false
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return r.session.wire.reached(r.ref.host)
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return r.session.wire.reached(r.ref.host)
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return true
	}
	if _, ok := errors.AsType[*transportError](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// finalError is an error that no retry changes, whatever it wraps.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// final makes a finalError; %w works as in fmt.Errorf.
func final(format string, args ...any) error { return &finalError{fmt.Errorf(format, args...)} }

func isFinal(err error) bool {
	_, ok := errors.AsType[*finalError](err)
	return ok
}

// transportError is a request that got no answer.
type transportError struct{ err error }

func (e *transportError) Error() string { return e.err.Error() }
func (e *transportError) Unwrap() error { return e.err }

// retryAfter reads the header in both of its forms, seconds and date (RFC 9110 §10.2.3).
func retryAfter(resp *http.Response) time.Duration {
	v := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return time.Duration(min(n, 1<<20)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}
