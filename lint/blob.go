package lint

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// readBlob fills the layer from its blob. A second look is taken only for hard links whose target is far away.
func (g *gatherer) readBlob(ctx context.Context, i int, img Image) error {
	var t *tarLayer
	err := g.withBlob(ctx, i, img, func(r io.Reader) (err error) {
		t, err = g.readTar(r)
		return err
	})
	if t == nil {
		return err
	}
	again := t.resolve()
	if err != nil || len(again) == 0 {
		return err
	}
	return g.withBlob(ctx, i, img, func(r io.Reader) error { return t.readAgain(r, again) })
}

func (g *gatherer) withBlob(ctx context.Context, i int, img Image, read func(io.Reader) error) error {
	blob, err := img.Layer(ctx, i)
	if err != nil {
		return fmt.Errorf("the layer cannot be fetched: %w", err)
	}
	defer blob.Close()
	packed := &counting{ctx: ctx, r: blob}
	plain, done, err := decompress(bufio.NewReaderSize(packed, 1<<20))
	if err != nil {
		return err
	}
	defer done()
	bounded := &bounded{r: plain, packed: packed, limits: g.limits}
	err = read(bufio.NewReaderSize(bounded, 1<<20))
	g.layer.Bytes = bounded.n
	return err
}

// maxWindow is how far back a zstd stream may reach, and so how much memory it takes. No tool writes layers with more than 8 MiB
// unasked.
const maxWindow = 64 << 20

// decompress takes the compression off a layer, by what it begins with and not by what its media type claims.
func decompress(r *bufio.Reader) (out io.Reader, done func(), err error) {
	head, _ := r.Peek(4)
	switch s := string(head); {
	case strings.HasPrefix(s, "\x1f\x8b"):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case s == "\x28\xb5\x2f\xfd" || strings.HasPrefix(s[min(1, len(s)):], "\x2a\x4d\x18") && s[0]&0xf0 == 0x50:
		// More than one goroutine for a stream was slower, and layers are read side by side anyway.
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}

// counting counts the bytes of a blob, and ends with its context.
type counting struct {
	ctx context.Context
	r   io.Reader
	n   int64
}

func (c *counting) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// bounded stops at a layer that unpacks to more than the limits allow.
type bounded struct {
	r      io.Reader
	packed *counting
	n      int64
	limits Limits
}

var errBomb = errors.New("the layer unpacks to more than the limit: the rest was not looked at")

func (b *bounded) Read(p []byte) (int, error) {
	const free = 1 << 30
	if b.n > b.limits.Bytes || b.n > free && b.n/max(1, b.packed.n) > b.limits.Ratio {
		return 0, errBomb
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	return n, err
}
