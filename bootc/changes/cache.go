package changes

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/internal/tree"
)

// cache keeps what was read of layers in a directory: a file a layer, and large contents in files of their own, by their sum.
// It is a cache: a file that is missing or damaged is read from the image again, and one that cannot be written is no reason to
// fail.
type cache struct{ dir string }

// cacheVersion is of what is in the files. It changes with whatToRead.
const cacheVersion = "changes-1"

func newCache(dir string) *cache {
	if dir == "" {
		return nil
	}
	return &cache{filepath.Join(dir, cacheVersion)}
}

// cached is a layer without the contents that have files of their own.
type cached struct {
	Layer tree.Layer
	Files [][]byte // their sums
}

func (c *cache) load(d digest.Digest) (tree.Layer, bool) {
	if c == nil {
		return tree.Layer{}, false
	}
	data, err := c.read(d.Encoded())
	var out cached
	if err != nil || gob.NewDecoder(bytes.NewReader(data)).Decode(&out) != nil {
		return tree.Layer{}, false
	}
	for _, sum := range out.Files {
		if _, err := os.Stat(c.file(sum)); err != nil {
			return tree.Layer{}, false
		}
	}
	return out.Layer, true
}

func (c *cache) store(d digest.Digest, l tree.Layer) {
	if c == nil {
		return
	}
	out := cached{Layer: tree.Layer{Entries: make([]tree.Entry, len(l.Entries))}}
	for i, e := range l.Entries {
		if len(e.Data) > tree.SmallFile && len(e.Sum) > 0 {
			if c.write(c.file(e.Sum), e.Data) != nil {
				return
			}
			out.Files, e.Data = append(out.Files, e.Sum), nil
		}
		out.Layer.Entries[i] = e
	}
	var b bytes.Buffer
	if gob.NewEncoder(&b).Encode(out) == nil {
		c.write(filepath.Join(c.dir, d.Encoded()), b.Bytes())
	}
}

// content is that of a file which store has put apart.
func (c *cache) content(e tree.Entry) ([]byte, error) {
	if c == nil || len(e.Sum) == 0 {
		return nil, errors.New("its content was not kept: it is larger than what is read")
	}
	data, err := c.read(filepath.Base(c.file(e.Sum)))
	if err == nil && !bytes.Equal(e.Sum, sumOf(data)) {
		err = fmt.Errorf("%s is damaged: delete it", c.file(e.Sum))
	}
	return data, err
}

func sumOf(b []byte) []byte {
	h := digest.Canonical.Hash()
	h.Write(b)
	return h.Sum(nil)
}

func (c *cache) file(sum []byte) string { return filepath.Join(c.dir, "file-"+hex.EncodeToString(sum)) }

func (c *cache) read(name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(c.dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return io.ReadAll(z)
}

// write makes a file that is whole or not there.
func (c *cache) write(name string, data []byte) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.dir, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	z, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err == nil {
		_, err = z.Write(data)
		err = errors.Join(err, z.Close())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
