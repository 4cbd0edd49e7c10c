package direct

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/tree"
	"github.com/bootloom/bootloom/registry"
)

// ground is the image that layers are added to: the base, or what Options.Run made of it. Its files are read when they
// are first asked for.
type ground struct {
	image    bootc.Image // Location, BaseLocation, Digest, Layers
	manifest v1.Manifest
	config   []byte

	files func() (*tree.Tree, error)
}

// newGround is the ground of an image that the engine can read.
func (e *Engine) newGround(ctx context.Context, img bootc.Image, manifest v1.Manifest, config []byte, platform string) *ground {
	g := &ground{image: img, manifest: manifest, config: config}
	g.files = sync.OnceValues(func() (*tree.Tree, error) { return e.tree(ctx, img, platform) })
	return g
}

// tree reads the layers of an image, those that were read before from what was kept of them.
func (e *Engine) tree(ctx context.Context, img bootc.Image, platform string) (*tree.Tree, error) {
	if indexer, ok := e.o.Run.(Indexer); ok && slices.ContainsFunc(img.Layers, func(l bootc.Layer) bool { return !e.trees.Has(l.Digest) }) {
		if err := indexer.Index(ctx, img, e.trees.Dir); err != nil {
			return nil, err
		}
	}
	var r *registry.Reader
	defer func() {
		if r != nil {
			r.Close()
		}
	}()
	var layers []tree.Layer
	for i, l := range img.Layers {
		layer, err := e.trees.Load(l.Digest)
		if err != nil {
			if r == nil {
				if r, err = e.o.Registry.Open(ctx, img, platform); err != nil {
					return nil, err
				}
			}
			if layer, err = readLayer(ctx, r, i); err != nil {
				return nil, err
			}
			if err := e.trees.Store(l.Digest, layer); err != nil {
				return nil, err
			}
		}
		layers = append(layers, layer)
	}
	t := tree.Merge(layers...)
	t.Fetch = func(layer int, name string) ([]byte, error) { return e.fetch(ctx, img, platform, layer, name) }
	return t, nil
}

func readLayer(ctx context.Context, r *registry.Reader, i int) (tree.Layer, error) {
	blob, err := r.Layer(ctx, i)
	if err != nil {
		return tree.Layer{}, err
	}
	defer blob.Close()
	l, err := tree.ReadLayer(blob)
	if err != nil {
		return l, fmt.Errorf("layer %s: %w", r.Layers[i].Digest, err)
	}
	return l, nil
}

// fetch reads one file of a layer, by going through the layer again.
func (e *Engine) fetch(ctx context.Context, img bootc.Image, platform string, layer int, name string) ([]byte, error) {
	r, err := e.o.Registry.Open(ctx, img, platform)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	blob, err := r.Layer(ctx, layer)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return tree.ReadFile(blob, name)
}

// dir is what an image has at the path of a directory.
type dir struct {
	path string // after links on the way were followed
	mode fs.FileMode
	uid  int
	gid  int
}

// newDir is a directory that the image lacks.
func newDir(name string) dir { return dir{path: name, mode: fs.ModeDir | 0o755} }

// parents are the directories above name, from the top, and the name with links among them followed. What own says
// comes before what the image has.
func (g *ground) parents(name string, own map[string]dir) (string, []dir, error) {
	var out []dir
	todo, at, links := strings.Split(path.Dir(name), "/"), "", 0
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			at = strings.TrimPrefix(path.Dir("/"+at), "/")
			out = out[:max(0, len(out)-1)]
			continue
		}
		next := path.Join(at, part)
		if d, ok := own[next]; ok {
			out, at = append(out, d), next
			continue
		}
		d, link, err := g.dir(next)
		if err != nil {
			return "", nil, err
		}
		if link == "" {
			out, at = append(out, d), next
			continue
		}
		if links++; links > 40 { // path_resolution(7)
			return "", nil, fmt.Errorf("%s: too many symbolic links", name)
		}
		if path.IsAbs(link) {
			out, at = nil, ""
		}
		todo = append(strings.Split(link, "/"), todo...)
	}
	return path.Join(at, path.Base(name)), out, nil
}

// dir is the directory of that path, or the target of the symbolic link there.
func (g *ground) dir(name string) (dir, string, error) {
	if isStandard(name) || len(g.manifest.Layers) == 0 {
		return newDir(name), "", nil
	}
	files, err := g.files()
	if err != nil {
		return dir{}, "", err
	}
	info, err := files.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newDir(name), "", nil
	case err != nil:
		return dir{}, "", err
	case info.Mode().Type() == fs.ModeSymlink:
		link, err := files.ReadLink(name)
		return dir{}, link, err
	case !info.IsDir():
		return dir{}, "", fmt.Errorf("the base has /%s, which is no directory", name)
	}
	at := info.Sys().(tree.Entry)
	return dir{name, info.Mode(), at.UID, at.GID}, "", nil
}
