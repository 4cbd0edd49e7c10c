package lint

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/bootloom/bootloom/bootc"
)

// archive puts what a Plan's ADD unpacks.
func (c *changes) archive(t *target, a bootc.Archive) {
	for _, e := range a.Entries {
		v := &vfile{File: File{Path: path.Join(t.path, e.Path), Mode: e.Mode, UID: uint32(e.UID), GID: uint32(e.GID), Link: e.Link}}
		if e.Mode.IsRegular() {
			size, err := e.Content.Size()
			if err == nil {
				v.Size = size
				v.open = func() (io.Reader, error) { return e.Content.Open() }
			}
		}
		v.more = &more{fields: e.Features}
		c.make(v)
	}
}

// unpack puts what is in a tar file of the context; false if it is none.
func (c *changes) unpack(t *target, source string) bool {
	f, err := c.context.Open(strings.TrimPrefix(path.Clean("/"+source), "/"))
	if err != nil {
		return false
	}
	defer f.Close()
	r, ok := plainTar(f)
	if !ok {
		return false
	}
	tr := tar.NewReader(io.LimitReader(r, c.limits.Bytes))
	for n := 0; n < c.limits.Entries; n++ {
		h, err := tr.Next()
		if err == io.EOF {
			return true
		}
		if err != nil {
			break
		}
		p, ok := cleanPath(h.Name)
		if !ok {
			continue
		}
		v := &vfile{File: File{Path: path.Join(t.path, p), Mode: modeOf(h), UID: uint32(h.Uid), GID: uint32(h.Gid), Size: h.Size, Link: h.Linkname}}
		if h.Typeflag == tar.TypeReg && h.Size <= defaultMax {
			b, err := io.ReadAll(tr)
			if err != nil {
				break
			}
			v.fill(b)
		}
		if v.Path != "/" && !(v.IsDir() && c.isDir(v.Path)) {
			c.make(v)
		}
	}
	c.step.Opaque = true
	return true
}

// plainTar takes the compression off a tar; ok is false if it is none, or compressed in a way that is not understood.
func plainTar(r io.Reader) (out io.Reader, ok bool) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, _ := b.Peek(6)
	var err error
	out = b
	switch s := string(head); {
	case strings.HasPrefix(s, "\x1f\x8b"):
		out, err = gzip.NewReader(b)
	case strings.HasPrefix(s, "\x28\xb5\x2f\xfd"):
		out, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1))
	case strings.HasPrefix(s, "BZh"):
		out = bzip2.NewReader(b)
	}
	if err != nil {
		return nil, false
	}
	b = bufio.NewReaderSize(out, 64<<10)
	block, _ := b.Peek(512)
	return b, len(block) == 512 && string(block[257:262]) == "ustar"
}
