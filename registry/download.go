package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// download reads a blob from a registry. When the connection breaks it goes on where it was, or from the start where the
// registry cannot do that; its reader sees one stream.
type download struct {
	ctx    context.Context
	repo   *repo
	d      v1.Descriptor
	body   io.ReadCloser
	off    int64
	breaks int   // since there was progress
	broken int64 // offset of the last break
}

// enough progress after which a broken connection counts as the first one.
const progress = 1 << 20

// blob opens a blob; not found and unauthorized are errors here, not of the first Read.
func (r *repo) blob(ctx context.Context, d v1.Descriptor, off int64) (io.ReadCloser, error) {
	b := &download{ctx: ctx, repo: r, d: d, off: off, broken: off}
	return b, b.open()
}

// open asks for what is missing.
func (b *download) open() error {
	return b.repo.session.retry(b.ctx, "pull", b.d.Digest.String(), b.repo, func(context.Context) error {
		c := call{method: http.MethodGet, path: "blobs/" + b.d.Digest.String(), scope: toRead, want: []int{http.StatusOK}, header: http.Header{}}
		if b.off > 0 {
			c.header.Set("Range", fmt.Sprintf("bytes=%d-", b.off))
			c.want = append(c.want, http.StatusPartialContent)
		}
		resp, err := b.repo.do(b.ctx, c) // not the attempt's context: the body lives on
		if err != nil {
			return err
		}
		skip := b.off
		if resp.StatusCode == http.StatusPartialContent {
			skip = 0
			if cr := resp.Header.Get("Content-Range"); !strings.HasPrefix(cr, fmt.Sprintf("bytes %d-", b.off)) {
				resp.Body.Close()
				return final("asked for bytes from %d, got %q", b.off, clip(cr))
			}
		}
		if _, err := io.CopyN(io.Discard, resp.Body, skip); err != nil {
			resp.Body.Close()
			return &transportError{err}
		}
		b.body = resp.Body
		return nil
	})
}

func (b *download) Read(p []byte) (int, error) {
	for {
		if b.body == nil {
			if err := b.open(); err != nil {
				return 0, err
			}
		}
		n, err := b.body.Read(p)
		b.off += int64(n)
		if err == nil || err == io.EOF && b.off >= b.d.Size {
			return n, err
		}
		b.Close()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err := b.pause(err); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

// pause waits before the next attempt, or returns the error that ends the download.
func (b *download) pause(err error) error {
	if b.ctx.Err() != nil {
		return ended(b.ctx)
	}
	err = fmt.Errorf("after %d of %d bytes: %w", b.off, b.d.Size, tidy(err))
	if b.off-b.broken >= progress {
		b.breaks = 0
	}
	b.broken = b.off
	b.breaks++
	wait, more := b.repo.session.backoff(b.breaks)
	if !more {
		return err
	}
	b.repo.session.emit(bootc.Event{Kind: bootc.EventRetry, Op: "pull", Ref: b.d.Digest.String(), Text: err.Error()})
	select {
	case <-b.ctx.Done():
		return ended(b.ctx)
	case <-time.After(wait):
		return nil
	}
}

// Close ends the download.
func (b *download) Close() error {
	if b.body == nil {
		return nil
	}
	err := b.body.Close()
	b.body = nil
	return err
}
