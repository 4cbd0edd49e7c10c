package registry

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// hasBlob asks without fetching.
func (r *repo) hasBlob(ctx context.Context, d v1.Descriptor) (bool, error) {
	resp, err := r.do(ctx, call{method: http.MethodHead, path: "blobs/" + d.Digest.String(), scope: toWrite, want: []int{http.StatusOK}})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	resp.Body.Close()
	return resp.ContentLength < 0 || resp.ContentLength == d.Size, nil
}

// upload is where to send a blob, and the login or token that was good for asking.
type upload struct {
	to            *url.URL
	authorization string
	least         int64 // bytes of a chunk but the last
}

// startUpload asks the registry to take d from its repository from, if that is not empty, and otherwise, or if it will
// not, where to send it.
func (r *repo) startUpload(ctx context.Context, d v1.Descriptor, from string) (u upload, mounted bool, err error) {
	c := call{method: http.MethodPost, path: "blobs/uploads/", scope: toWrite, want: []int{http.StatusAccepted}, header: http.Header{}}
	if from != "" {
		c.path += "?" + url.Values{"mount": {d.Digest.String()}, "from": {from}}.Encode()
		c.from, c.want = from, append(c.want, http.StatusCreated)
	}
	resp, err := r.do(ctx, c)
	if status, ok := errors.AsType[*statusError](err); ok && from != "" && status.code < 500 && status.code != http.StatusTooManyRequests {
		return r.startUpload(ctx, d, "") // not allowed to read from there, or no mounts: then the usual way
	}
	if err != nil {
		return u, false, err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return u, true, nil
	}
	u, err = r.uploadAt(resp)
	u.least, _ = strconv.ParseInt(resp.Header.Get("OCI-Chunk-Min-Length"), 10, 64)
	return u, false, err
}

// uploadAt is where an answer says to go on.
func (r *repo) uploadAt(resp *http.Response) (u upload, err error) {
	to, err := resp.Location()
	if err != nil {
		return u, fmt.Errorf("the registry did not say where to upload: %w", err)
	}
	if to.Host == r.host.base.Hostname() && r.host.base.Port() == "443" {
		to.Host = r.host.base.Host // some leave out a port that they take for the default
	}
	if r.host.base.Scheme == "https" && to.Scheme != "https" {
		return u, fmt.Errorf("%w: the registry sends uploads from https to %s", ErrTLS, to.Scheme)
	}
	return upload{to: to, authorization: resp.Request.Header.Get("Authorization")}, nil
}

// uploadCall is a request that brings a part of a blob, or all of it. It is sent once: its body cannot be read again.
func (r *repo) uploadCall(method string, u upload, body io.Reader, size int64, want ...int) call {
	c := call{method: method, url: u.to, once: true, scope: toWrite, size: size, want: want,
		header: http.Header{"Content-Type": {"application/octet-stream"}}, body: body}
	if u.authorization != "" && u.to.Host == r.host.base.Host { // no other host gets to see it
		c.header.Set("Authorization", u.authorization)
	}
	if size == 0 {
		c.body = http.NoBody
	}
	return c
}

// named is where to say what the bytes of an upload should be.
func (u upload) named(d digest.Digest) upload {
	to := *u.to
	q := to.Query()
	q.Set("digest", d.String())
	to.RawQuery = q.Encode()
	u.to = &to
	return u
}

// finishUpload sends all of a blob in one request. An error of the source wins over what it did to the connection.
func (r *repo) finishUpload(ctx context.Context, u upload, d v1.Descriptor, b *body) error {
	defer b.Close()
	resp, err := r.do(ctx, r.uploadCall(http.MethodPut, u.named(d.Digest), b, d.Size, http.StatusCreated, http.StatusNoContent))
	if bad := b.failure(); bad != nil {
		err = final("%w", bad)
	}
	if err != nil {
		return err
	}
	resp.Body.Close()
	return nil
}

// body is a request body that knows whether its source failed. After Close nothing reads the source any more, though
// the HTTP client may hold on to the body for longer than the request.
type body struct {
	io.Reader
	stop func() // makes a read of the source return

	closed atomic.Bool
	mu     sync.Mutex
	err    error
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return 0, os.ErrClosed
	}
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF && !b.closed.Load() {
		b.err = err
	}
	return n, err
}

func (b *body) Close() error {
	b.closed.Store(true)
	b.stop()
	b.mu.Lock() // waits for the end of a Read
	defer b.mu.Unlock()
	return nil
}

// failure closes the body and returns why the source failed, if it did.
func (b *body) failure() error {
	b.Close()
	return b.err
}

// verified passes on the bytes of a blob and fails instead of giving the last of them if they are not what the
// descriptor says, so that nobody ever gets a whole wrong blob.
type verified struct {
	io.Reader
	d    v1.Descriptor
	hash hash.Hash
	n    int64
}

func verify(r io.Reader, d v1.Descriptor) *verified {
	return &verified{Reader: r, d: d, hash: d.Digest.Algorithm().Hash()}
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.Reader.Read(p)
	v.n += int64(n)
	v.hash.Write(p[:n])
	switch {
	case v.n > v.d.Size:
		return 0, fmt.Errorf("%w: %s is longer than %d bytes", ErrDigestMismatch, v.d.Digest, v.d.Size)
	case v.n == v.d.Size && (n > 0 || err == io.EOF):
		if got := fmt.Sprintf("%x", v.hash.Sum(nil)); !strings.EqualFold(got, v.d.Digest.Encoded()) {
			return 0, fmt.Errorf("%w: the blob is %s:%s, not %s", ErrDigestMismatch, v.d.Digest.Algorithm(), got, v.d.Digest)
		}
	case err == io.EOF:
		return 0, fmt.Errorf("%w: %s ends after %d of %d bytes", ErrDigestMismatch, v.d.Digest, v.n, v.d.Size)
	}
	return n, err
}
