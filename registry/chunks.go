package registry

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

const (
	// largeBlob is the size above which a blob goes in chunks. Below, it is not worth the round trips.
	largeBlob = 64 << 20
	// chunkSize is how much a registry that cannot keep half a chunk gets again.
	chunkSize = 32 << 20
)

// errNoChunks: the registry, or something before it, does not take a blob in parts.
var errNoChunks = errors.New("the registry takes no blobs in chunks")

// large sends a blob in chunks (OCI distribution 1.1, "Pushing a blob in chunks"). When the connection breaks it asks the
// registry how much has arrived and goes on from there. Where the registry has lost the upload the error is one that a
// new upload may get over. No chunk is held in memory: what must be sent again is read from the source again.
func (t *transfer) large(ctx context.Context, to upload, d v1.Descriptor) error {
	l := &largeUpload{t: t, ctx: ctx, d: d, to: to, sent: verify(nil, d)}
	defer l.closeSource()
	for l.off < d.Size {
		began, again := l.off, false
		err := l.try(func(ctx context.Context) error {
			if again {
				if err := l.resync(ctx); err != nil {
					return err
				}
				if l.off == d.Size || l.off-began >= progress {
					return nil // what comes next has all its attempts before it
				}
			}
			again = true
			return l.chunk(ctx)
		})
		if err != nil {
			return err
		}
	}
	return l.try(l.end)
}

// largeUpload is one upload session.
type largeUpload struct {
	t   *transfer
	ctx context.Context // of the whole upload
	d   v1.Descriptor
	to  upload
	off int64 // what the registry has

	lost error         // why the session is no more
	sent *verified     // the sum over what the registry has
	in   io.ReadCloser // the source at off; nil to open it
	stop context.CancelFunc
	m    *metered
}

// try retries one request of the session. When the session is lost, the error says so, and is one to begin again after.
func (l *largeUpload) try(f func(context.Context) error) error {
	err := l.t.session.retry(l.ctx, "push", l.d.Digest.String(), l.t.to, func(ctx context.Context) error {
		err := f(ctx)
		if l.lost != nil {
			return nil
		}
		return err
	})
	switch {
	case l.lost != nil:
		// Not with the cause in its chain: that is final for the session, and not for the blob.
		return &transportError{fmt.Errorf("the registry has lost the upload after %d of %d bytes: %v", l.off, l.d.Size, l.lost)}
	case err != nil && !errors.Is(err, errNoChunks):
		return final("%w", err) // it has had its attempts
	}
	return err
}

// chunk sends the next bytes.
func (l *largeUpload) chunk(ctx context.Context) error {
	if err := l.openSource(); err != nil {
		return final("%w", err)
	}
	size := min(max(chunkSize, l.to.least), l.d.Size-l.off)
	next := l.sent.clone()
	next.Reader = l.in
	l.m.Reader = next
	// The HTTP client closes a body also when all is well, and then the source is still wanted.
	var failed atomic.Bool
	stop := l.stop
	b := &body{Reader: io.LimitReader(l.m, size), stop: func() {
		if failed.Load() {
			stop()
		}
	}}
	c := l.t.to.uploadCall(http.MethodPatch, l.to, b, size, http.StatusAccepted, http.StatusCreated, http.StatusNoContent)
	c.header.Set("Content-Range", fmt.Sprintf("%d-%d", l.off, l.off+size-1))
	resp, err := l.t.to.do(ctx, c)
	if err == nil {
		resp.Body.Close()
		err = l.goOn(resp, l.off+size)
	}
	failed.Store(err != nil)
	bad := b.failure() // from here on nothing reads the source
	if err == nil && bad == nil && next.n == l.off+size {
		l.off, l.sent = next.n, next
		return nil
	}
	l.closeSource()
	switch {
	case bad != nil:
		return final("%w", bad)
	case l.off == 0 && refusesChunks(err):
		return final("%w: %w", errNoChunks, err)
	case err == nil:
		return &transportError{fmt.Errorf("an answer after %d of %d bytes", next.n-l.off, size)}
	}
	if s, ok := errors.AsType[*statusError](err); ok && s.code == http.StatusRequestedRangeNotSatisfiable {
		return &transportError{errors.New(err.Error())} // we do not agree on what is there: ask
	}
	return err
}

// goOn takes over what an answer says of the session, and fails if the registry has not got what it should.
func (l *largeUpload) goOn(resp *http.Response, want int64) error {
	to, err := l.t.to.uploadAt(resp)
	if err != nil {
		return final("%w", err)
	}
	to.least, l.to = l.to.least, to
	if has, ok := arrived(resp); ok && has != want {
		return &transportError{fmt.Errorf("the registry has %d bytes of %d", has, want)}
	}
	return nil
}

// resync asks how much has arrived, and goes there.
func (l *largeUpload) resync(ctx context.Context) error {
	resp, err := l.t.to.do(ctx, call{method: http.MethodGet, url: l.to.to, scope: toWrite, header: http.Header{},
		want: []int{http.StatusNoContent, http.StatusOK, http.StatusAccepted}})
	if err != nil {
		if s, ok := errors.AsType[*statusError](err); ok && !l.t.to.retryable(err) && s.code != http.StatusUnauthorized {
			l.lost = err
		}
		return err
	}
	resp.Body.Close()
	has, ok := arrived(resp)
	if !ok || has > l.d.Size {
		l.lost = fmt.Errorf("it says that it has the range %q", clip(resp.Header.Get("Range")))
		return l.lost
	}
	l.to.authorization = resp.Request.Header.Get("Authorization")
	if resp.Header.Get("Location") != "" {
		if err := l.goOn(resp, has); err != nil {
			return err
		}
	}
	return l.seek(has)
}

// seek makes off and the sum those after so many bytes.
func (l *largeUpload) seek(off int64) error {
	l.closeSource()
	if off < l.off {
		l.off, l.sent = 0, verify(nil, l.d)
	}
	if err := l.openSource(); err != nil {
		return final("%w", err)
	}
	next := l.sent.clone()
	next.Reader = l.in
	if _, err := io.CopyN(io.Discard, next, off-l.off); err != nil {
		return final("%w", err)
	}
	l.off, l.sent = off, next
	l.m.n = off
	return nil
}

// end has the registry take the chunks for the blob.
func (l *largeUpload) end(ctx context.Context) error {
	resp, err := l.t.to.do(ctx, call{method: http.MethodPut, url: l.to.named(l.d.Digest).to, scope: toWrite, header: http.Header{},
		want: []int{http.StatusCreated, http.StatusNoContent}})
	if s, ok := errors.AsType[*statusError](err); ok && (s.code == http.StatusNotFound || slices.Contains(s.codes, errcode.ErrorCodeBlobUploadUnknown)) {
		l.lost = err // or an answer to an earlier attempt was: then the blob is there
	}
	if err != nil {
		return err
	}
	resp.Body.Close()
	return nil
}

// openSource opens the source at off.
func (l *largeUpload) openSource() (err error) {
	if l.in != nil {
		return nil
	}
	l.closeSource()
	reading, stop := context.WithCancel(l.ctx)
	if l.in, err = l.t.from.blob(reading, l.d, l.off); err != nil {
		l.in = nil
		stop()
		return err
	}
	l.stop = stop
	l.m = &metered{session: l.t.session, op: "push", digest: l.d.Digest, size: l.d.Size, n: l.off}
	return nil
}

func (l *largeUpload) closeSource() {
	if l.in != nil {
		l.in.Close()
		l.in = nil
	}
	if l.stop != nil {
		l.stop()
	}
}

// clone returns a copy that reads and sums on its own.
func (v *verified) clone() *verified {
	c := *v
	h, err := v.hash.(hash.Cloner).Clone()
	if err != nil {
		panic(err) // those of the standard library have no reason to
	}
	c.hash = h
	return &c
}

// arrived reads how many bytes an answer about an upload says are there.
func arrived(resp *http.Response) (n int64, ok bool) {
	_, last, ok := strings.Cut(strings.TrimPrefix(resp.Header.Get("Range"), "bytes="), "-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(last, 10, 64)
	if err != nil || n < -1 || n == math.MaxInt64 {
		return 0, false
	}
	if n == 0 { // what registries say of an empty upload, which has no last byte
		return 0, true
	}
	return n + 1, true
}

// refusesChunks says whether the answer to a first chunk is one to the method, the header or the size, and not to the
// login or the moment: then a single request may do.
func refusesChunks(err error) bool {
	s, ok := errors.AsType[*statusError](err)
	if !ok {
		return false
	}
	switch s.code {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return s.code >= 400 && s.code < 500 || s.code == http.StatusNotImplemented
}
