package lint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

// cache keeps the facts about layers in a directory, one file a layer, so that a base image is read once. A file that is
// damaged counts as missing; so does one of other rules, which wanted other content.
type cache struct {
	dir string
	key string // of what is gathered: format, Wants and limits
}

// factsFormat is part of every key: what is in the files, and what is gathered of a layer.
const factsFormat = "1"

func newCache(dir string, rules []Rule, limits Limits) *cache {
	if dir == "" {
		return nil
	}
	h := sha256.New()
	fmt.Fprintln(h, factsFormat, limits)
	for _, r := range rules {
		for _, w := range r.Wants {
			fmt.Fprintf(h, "%q %d %t %t %t %o %q\n", w.Glob, w.Max, w.Quiet, w.Derived, w.Digest, w.Mode, w.Having)
		}
	}
	return &cache{dir, hex.EncodeToString(h.Sum(nil)[:8])}
}

// name is the file for a layer; empty for none. source tells apart what is read in other ways, such as a tar and a directory.
func (c *cache) name(source string, d digest.Digest, derived bool) string {
	if c == nil || d.Validate() != nil {
		return ""
	}
	if derived { // more is read of it
		source += "-derived"
	}
	return filepath.Join(c.dir, "lint-"+c.key, source, strings.ReplaceAll(d.String(), ":", "-"))
}

// load fills the layer; false if its facts are not there.
func (c *cache) load(name string, g *gatherer) bool {
	if name == "" {
		return false
	}
	packed, err := os.ReadFile(name)
	if err != nil {
		return false
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(g.limits.Content)+1<<30))
	if err != nil {
		return false
	}
	defer d.Close()
	data, err := d.DecodeAll(packed, nil)
	if err != nil {
		return false
	}
	return g.decode(data) == nil
}

// store keeps the layer's facts, its problems too, unless another user might have none. It is a cache: that it cannot be
// written is no reason to fail.
func (c *cache) store(name string, l *Layer) {
	unseen := slices.ContainsFunc(l.problems, func(p problem) bool { return p.err == errUnseen })
	if c == nil || unseen || os.MkdirAll(filepath.Dir(name), 0o700) != nil {
		return
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return
	}
	defer e.Close()
	f, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return
	}
	_, err = f.Write(e.EncodeAll(encode(l), nil))
	if errors.Join(err, f.Close()) != nil || os.Rename(f.Name(), name) != nil {
		os.Remove(f.Name())
	}
}
