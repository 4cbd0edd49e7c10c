package blobs

import (
	"path/filepath"
	"slices"

	"github.com/bootloom/bootloom/internal/prune"
)

// Dir is the directory of an engine that adds files: what package bootc/direct keeps, and bootc/buildah has within its own.
type Dir string

// Lock is the file of which builds share the lock, and who prunes has it alone.
func (d Dir) Lock() string { return filepath.Join(string(d), "lock") }

// Place has the layers and images.
func (d Dir) Place() Place {
	return Place{Store: &Store{Root: filepath.Join(string(d), "blobs")}, Images: filepath.Join(string(d), "images")}
}

// Facts are the directories of what is known of bases and images.
func (d Dir) Facts() []string {
	var out []string
	for _, name := range []string{"trees", "bases", "checked", "accepted"} {
		out = append(out, filepath.Join(string(d), name))
	}
	return out
}

// Items are all that the directory has, for pruning, and their size.
func (d Dir) Items() ([]prune.Item, int64, error) {
	items, size, err := Items(d.Place())
	if err != nil {
		return nil, 0, err
	}
	files, more, err := prune.Files(d.Facts()...)
	return slices.Concat(items, files), size + more, err
}
