// Package prune removes what was used least recently from the caches of engines.
package prune

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// Item is something that may go.
type Item struct {
	Used time.Time
	// Remove removes it, and says how many bytes that has freed. What is gone already is no error.
	Remove func() (freed int64, err error)
}

// young is the zero value of Pruning.Young.
const young = time.Hour

// Run removes items until size, which they and others have now, is no more than the limit.
func Run(ctx context.Context, items []Item, size int64, p bootc.Pruning) (bootc.Pruned, error) {
	slices.SortStableFunc(items, func(a, b Item) int { return a.Used.Compare(b.Used) })
	out := bootc.Pruned{Left: size}
	old := time.Now().Add(-cmp.Or(p.Young, young))
	for _, i := range items {
		if out.Left <= p.Limit || p.Young >= 0 && i.Used.After(old) {
			break
		}
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		freed, err := i.Remove()
		out.Freed, out.Left = out.Freed+freed, out.Left-freed
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// Touch notes that a file or directory is used now. It is for caches: that it cannot be noted is no reason to fail.
func Touch(name string) {
	now := time.Now()
	_ = os.Chtimes(name, now, now)
}

// Files are the regular files below directories, each an item, and their size. Directories that are missing have none, and
// files whose names begin with a dot are being written.
func Files(dirs ...string) (items []Item, size int64, err error) {
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
				return gone(err)
			}
			info, err := d.Info()
			if err != nil {
				return gone(err)
			}
			size += info.Size()
			items = append(items, Item{info.ModTime(), func() (int64, error) { return info.Size(), gone(os.Remove(name)) }})
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return items, size, nil
}

// gone is no error for what somebody else has removed.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
