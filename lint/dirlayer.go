package lint

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// dirWalk reads directories with several workers, each of which gathers a part of the layer.
type dirWalk struct {
	mu      sync.Mutex
	wake    *sync.Cond
	todo    []string // directories to read, absolute in the root
	working int
	err     error
}

// walkDirs calls read for "/" and for what read returns, until there is no more. Each worker has a gatherer.
func (g *gatherer) walkDirs(ctx context.Context, read func(g *gatherer, dir string) (below []string)) error {
	w := &dirWalk{todo: []string{"/"}}
	w.wake = sync.NewCond(&w.mu)
	parts := make([]*gatherer, runtime.GOMAXPROCS(0))
	var workers sync.WaitGroup
	for i := range parts {
		part := g.layerPart()
		parts[i] = part
		workers.Go(func() {
			for {
				dir, ok := w.next(ctx)
				if !ok {
					return
				}
				below := read(part, dir)
				w.done(below, part.full)
			}
		})
	}
	workers.Wait()
	for _, p := range parts {
		g.files = append(g.files, p.files...)
		g.full = g.full || p.full
		for _, x := range p.problems {
			g.problem(x.path, x.part, x.err)
		}
	}
	slices.SortFunc(g.problems, func(a, b problem) int { return strings.Compare(a.path, b.path) })
	return w.err
}

func (g *gatherer) layerPart() *gatherer { return g.gathering.layer(g.layer) }

func (w *dirWalk) next(ctx context.Context) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.todo) == 0 && w.working > 0 {
		w.wake.Wait()
	}
	if w.err == nil {
		w.err = context.Cause(ctx)
	}
	if len(w.todo) == 0 || w.err != nil {
		w.wake.Broadcast()
		return "", false
	}
	dir := w.todo[len(w.todo)-1] // the last one: so that the list stays short
	w.todo = w.todo[:len(w.todo)-1]
	w.working++
	return dir, true
}

func (w *dirWalk) done(below []string, full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.working--
	if w.todo = append(w.todo, below...); full {
		w.todo = nil
	}
	w.wake.Broadcast()
}

// errUnseen is for directories that the caller may not read: what is in them is not known to be missing.
var errUnseen = errors.New("may not be read, so that what is in it was not looked at: lint as root")

func dirProblem(err error) (bool, error) {
	if errors.Is(err, fs.ErrPermission) {
		return true, errUnseen
	}
	return false, cause(err)
}
