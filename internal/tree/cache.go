package tree

import (
	"cmp"
	"encoding/gob"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

// Cache is a directory with what was read of layers, by the digest of their blobs. Several processes may use it.
type Cache struct{ Dir string }

// version of what is kept. It is part of the names, so that an old entry is not found.
const version = "1"

// TempPrefix begins the names of files that are being written.
const TempPrefix = ".new-"

func (c Cache) file(d digest.Digest) string {
	return filepath.Join(c.Dir, version+"-"+d.Encoded())
}

// Has says whether the layer was read before.
func (c Cache) Has(d digest.Digest) bool {
	_, err := os.Stat(c.file(d))
	return err == nil
}

// Load returns what was read of a layer.
func (c Cache) Load(d digest.Digest) (l Layer, err error) { return l, Load(c.file(d), &l) }

// Store keeps what was read of a layer.
func (c Cache) Store(d digest.Digest, l Layer) error { return Store(c.file(d), l) }

// Load reads what Store wrote, and notes that it is used now, for who prunes caches.
func Load(file string, v any) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	now := time.Now()
	_ = os.Chtimes(file, now, now)
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	return gob.NewDecoder(z).Decode(v)
}

// Store writes a value to a file, which is there whole or not at all.
func Store(file string, v any) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), TempPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	z, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if err := cmp.Or(gob.NewEncoder(z).Encode(v), z.Close(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
