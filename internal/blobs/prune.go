package blobs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/prune"
)

// Place is a store of layers, and the directory of the images that Layout made with it.
type Place struct {
	Store  *Store
	Images string
}

// Items are the images and layers of places, for pruning, and the size of all of them. Images of one place link to layers of
// others, so a layer takes room until the last that has it is gone. A layer was last used when the last image with it was.
func Items(places ...Place) (items []prune.Item, size int64, err error) {
	links := map[string]*linked{} // by the name of the blob's file
	add := func(dir string, used time.Time) ([]string, error) {
		entries, err := os.ReadDir(dir)
		if os.IsNotExist(err) {
			return nil, nil
		}
		var names []string
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			b := links[e.Name()]
			if b == nil {
				b = &linked{size: info.Size()}
				links[e.Name()] = b
				size += b.size
			}
			b.n++
			for _, t := range []time.Time{used, info.ModTime()} {
				if t.After(b.used) {
					b.used = t
				}
			}
			names = append(names, e.Name())
		}
		return names, err
	}
	for _, p := range places {
		images, err := os.ReadDir(p.Images)
		if err != nil && !os.IsNotExist(err) {
			return nil, 0, err
		}
		for _, e := range images {
			info, err := e.Info()
			if err != nil || !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			dir := filepath.Join(p.Images, e.Name())
			names, err := add(filepath.Join(dir, v1.ImageBlobsDir, "sha256"), info.ModTime())
			if err != nil {
				return nil, 0, err
			}
			items = append(items, prune.Item{Used: info.ModTime(), Remove: func() (freed int64, err error) {
				for _, name := range names {
					freed += links[name].drop()
				}
				return freed, os.RemoveAll(dir)
			}})
		}
	}
	for _, p := range places {
		dir := filepath.Join(p.Store.Root, "sha256")
		names, err := add(dir, time.Time{})
		if err != nil {
			return nil, 0, err
		}
		for _, name := range names {
			items = append(items, prune.Item{Used: links[name].used, Remove: func() (int64, error) {
				err := os.Remove(filepath.Join(dir, name))
				if os.IsNotExist(err) {
					err = nil
				}
				return links[name].drop(), err
			}})
		}
	}
	return items, size, nil
}

// linked is a blob with several names.
type linked struct {
	n    int // names
	size int64
	used time.Time
}

// drop takes one name away, and says how many bytes that frees.
func (l *linked) drop() int64 {
	if l.n--; l.n == 0 {
		return l.size
	}
	return 0
}

// Forget removes what the store remembers of layers that it no longer has.
func (b *Store) Forget() error {
	for _, c := range []bootc.Compression{bootc.Gzip, bootc.Zstd} {
		dir := filepath.Join(b.Root, string(c))
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // none
		}
		for _, e := range entries {
			name := filepath.Join(dir, e.Name())
			var d v1.Descriptor
			data, err := os.ReadFile(name)
			if err == nil && json.Unmarshal(data, &d) == nil && d.Digest.Validate() == nil {
				if _, err := os.Stat(b.Path(d.Digest)); err == nil {
					continue
				}
			}
			if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
	}
	return nil
}
