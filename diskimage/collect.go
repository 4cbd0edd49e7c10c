package diskimage

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
)

// find returns the one disk that the tool has put into dir. Its folder and name differ between formats, versions and faces of the
// tool, so it is found by its ending.
func find(dir string, f Format) (string, error) {
	var found, all []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		all = append(all, rel)
		if e.Type().IsRegular() && strings.HasSuffix(path, f.Ext()) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if len(found) == 1 {
		return found[0], nil
	}
	what := "no file *" + f.Ext()
	if len(found) > 1 {
		what = fmt.Sprintf("%d files *%s", len(found), f.Ext())
	}
	if len(all) > 20 {
		all = append(all[:20], "…")
	}
	return "", fmt.Errorf("%w: its exit status is 0, and there is %s among its results %q", ErrNoDisk, what, all)
}

// collect takes the disk out of the work directory.
func (b *build) collect(ctx context.Context) (Disk, error) {
	file, err := find(b.work.at("output"), b.spec.Format)
	if err != nil {
		return Disk{}, err
	}
	in, err := os.Open(file)
	if err != nil {
		return Disk{}, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return Disk{}, err
	}
	magic := make([]byte, len(formats[b.spec.Format].magic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != formats[b.spec.Format].magic {
		return Disk{}, fmt.Errorf("%w: what it has made does not begin as %s does", ErrNoDisk, b.spec.Format)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return Disk{}, err
	}
	d := Disk{Path: b.o.Output, Format: b.spec.Format, Encoding: b.o.Encoding, Source: b.source, Platform: b.spec.Platform}
	b.emit(bootc.Event{Kind: bootc.EventStart, Op: "write", Ref: d.Path})
	r := &meter{r: in, ctx: ctx, total: info.Size(), report: func(n, total int64) {
		b.emit(bootc.Event{Kind: bootc.EventProgress, Op: "write", Ref: d.Path, Bytes: n, Total: total})
	}}
	if d.Digest, d.Size, err = b.o.write(r); err != nil {
		return Disk{}, err
	}
	b.emit(bootc.Event{Kind: bootc.EventDone, Op: "write", Ref: d.Path})
	return d, nil
}

// write puts what r has into Output, whole or not at all, with its encoding, and returns digest and size of the file.
func (o BuildOptions) write(r io.Reader) (digest.Digest, int64, error) {
	f, err := os.CreateTemp(filepath.Dir(o.Output), ".bootloom-")
	if err != nil {
		return "", 0, err
	}
	sum := sha256.New()
	out := &sparse{f: f}
	err = encode(io.MultiWriter(out, sum), r, o.Encoding)
	if err == nil {
		err = out.end()
	}
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = o.chown(f.Name())
	}
	if err == nil {
		err = os.Rename(f.Name(), o.Output)
	}
	if err != nil {
		os.Remove(f.Name())
		return "", 0, err
	}
	return digest.NewDigest(digest.SHA256, sum), out.n, nil
}

func encode(w io.Writer, r io.Reader, encoding string) error {
	var c io.WriteCloser
	switch encoding {
	case "gzip":
		c, _ = pgzip.NewWriterLevel(w, gzip.DefaultCompression)
	case "zstd":
		var err error
		if c, err = zstd.NewWriter(w); err != nil {
			return err
		}
	default:
		_, err := io.CopyBuffer(w, r, make([]byte, 1<<20))
		return err
	}
	_, err := io.CopyBuffer(c, r, make([]byte, 1<<20))
	return errors.Join(err, c.Close())
}

// sparse writes a file with holes where there are only zeros.
type sparse struct {
	f *os.File
	n int64 // bytes so far, holes counted
}

// hole is the granularity: smaller runs of zeros are written, as no file system would store them better.
const hole = 64 << 10

var zeros [hole]byte

// Write never writes less than it is given without an error.
func (s *sparse) Write(p []byte) (int, error) {
	done := 0
	for len(p) > done {
		part := p[done:]
		// Up to the next multiple, so that holes do not depend on how the bytes come.
		if to := int(hole - s.n%hole); len(part) > to {
			part = part[:to]
		}
		if !bytes.Equal(part, zeros[:len(part)]) {
			if _, err := s.f.WriteAt(part, s.n); err != nil {
				return done, err
			}
		}
		s.n += int64(len(part))
		done += len(part)
	}
	return done, nil
}

// end gives the file its length.
func (s *sparse) end() error { return s.f.Truncate(s.n) }

// meter reports what is read, and ends when ctx does.
type meter struct {
	r      io.Reader
	ctx    context.Context
	n      int64
	total  int64
	last   time.Time
	report func(n, total int64)
}

// Read reports at most ten times a second, and the end.
func (m *meter) Read(p []byte) (int, error) {
	if m.ctx.Err() != nil {
		return 0, context.Cause(m.ctx)
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	if now := time.Now(); n > 0 && (now.Sub(m.last) > 100*time.Millisecond || m.n == m.total) {
		m.last = now
		m.report(m.n, m.total)
	}
	return n, err
}
