package changes

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
	var out cached
	if c == nil || tree.Load(filepath.Join(c.dir, d.Encoded()), &out) != nil {
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
	out := cached{Layer: tree.Layer{Entries: slices.Clone(l.Entries)}}
	for i, e := range l.Entries {
		if len(e.Data) > tree.SmallFile && len(e.Sum) > 0 {
			if tree.Store(c.file(e.Sum), e.Data) != nil {
				return
			}
			out.Files, out.Layer.Entries[i].Data = append(out.Files, e.Sum), nil
		}
	}
	_ = tree.Store(filepath.Join(c.dir, d.Encoded()), out)
}

// content is that of a file which store has put apart.
func (c *cache) content(e tree.Entry) (data []byte, err error) {
	if c == nil || len(e.Sum) == 0 {
		return nil, errors.New("its content was not kept: it is larger than what is read")
	}
	file := c.file(e.Sum)
	err = tree.Load(file, &data)
	if sum := sha256.Sum256(data); err == nil && bytes.Equal(e.Sum, sum[:]) {
		return data, nil
	}
	os.Remove(file)
	return nil, fmt.Errorf("%s was damaged, and is gone now: compare again", file)
}

func (c *cache) file(sum []byte) string { return filepath.Join(c.dir, "file-"+hex.EncodeToString(sum)) }
