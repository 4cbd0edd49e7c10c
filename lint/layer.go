package lint

import (
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Layer is a layer of an image, or what one step of a Containerfile will put into one, or a whole root file system
// that was given as a directory.
type Layer struct {
	// Index from the lowest, which is 0.
	Index int
	// DiffID is the digest of the layer's tar; empty before the build and for directories.
	DiffID digest.Digest
	// CreatedBy is what the image's history says of it.
	CreatedBy string
	// Base says that the layer comes with the base image. It is false where nobody knows the base.
	Base bool
	// Step of the Containerfile that makes the layer; nil if that is not known.
	Step *Step
	// Files by path, in byte order, whiteouts among them. What is below /sysroot/ostree/repo is left out: it is the
	// store of a chunked base image, whose files are hard links into it.
	Files []File
	// Bytes of the layer's tar; 0 if unknown.
	Bytes int64

	stage    Stage
	problems []problem
}

// problem is what could not be read.
type problem struct {
	path string
	err  error
	part bool // the scan is not whole, but nothing is wrong with the image
}

// File returns the layer's entry at path, nil if it has none.
func (l *Layer) File(path string) *File {
	i, ok := slices.BinarySearchFunc(l.Files, path, func(f File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return nil
	}
	return &l.Files[i]
}

// Hides says whether the layer deletes or replaces what lower layers have at path.
func (l *Layer) Hides(path string) bool {
	if f := l.File(path); f != nil && (f.Whiteout() || !f.IsDir()) {
		return true
	}
	for dir := parent(path); dir != ""; dir = parent(dir) {
		if f := l.File(dir); f != nil && (f.Whiteout() || f.Opaque() || !f.IsDir()) {
			return true
		}
	}
	return false
}

// Finding returns a finding about the layer.
func (l *Layer) Finding(format string, args ...any) Finding {
	if l == nil {
		return Finding{Message: sprintf(format, args)}
	}
	out := Finding{Stage: l.stage}
	if l.Step != nil {
		out = l.Step.Finding(format, args...)
	}
	out.Message = sprintf(format, args)
	if l.stage&(InRoot|InLayers) != 0 && (l.DiffID != "" || l.CreatedBy != "" || l.Index > 0 || l.stage == InLayers) {
		out.Stage = l.stage
		out.Layer = &LayerRef{Index: l.Index, DiffID: l.DiffID, CreatedBy: clip(redactAll(l.CreatedBy)), Base: l.Base}
	}
	return out
}

// parent is the directory above path, "" for the root.
func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	switch {
	case path == "/" || i < 0:
		return ""
	case i == 0:
		return "/"
	}
	return path[:i]
}
