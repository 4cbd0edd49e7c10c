//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/blobs"
	"github.com/bootloom/bootloom/internal/lockfile"
)

// Size is how many bytes Root has: images, layers, the store of the builder with its bases and the results of steps, what is
// known of them.
func (e *Engine) Size(ctx context.Context) (int64, error) {
	if err := e.isOpen(); err != nil {
		return 0, err
	}
	out, err := e.tend(ctx, "size", bootc.Pruning{})
	if err != nil {
		return 0, &bootc.OpError{Op: "size", Ref: e.o.Root, Err: err}
	}
	return out.Left, nil
}

// Prune removes from Root what was used least recently, until no more than p.Limit is left. It waits until no build runs in
// Root, of this process or another, and holds up those that begin meanwhile; with ctx ends the waiting. An Image that a build
// returned longer than p.Young ago may be gone, and so may the files of a bootc.Base. What the caller has put into the
// engine's Store, and given a name, stays.
func (e *Engine) Prune(ctx context.Context, p bootc.Pruning) (bootc.Pruned, error) {
	if err := e.isOpen(); err != nil {
		return bootc.Pruned{}, err
	}
	out, err := e.prune(ctx, p)
	if err != nil {
		return out, &bootc.OpError{Op: "prune", Ref: e.o.Root, Err: err}
	}
	return out, nil
}

func (e *Engine) prune(ctx context.Context, p bootc.Pruning) (out bootc.Pruned, err error) {
	if err := os.MkdirAll(string(directDir(e.o.Root)), 0o700); err != nil {
		return out, err
	}
	// In the order in which a build of the direct engine, a part of which runs here, takes its shares.
	for _, lock := range []string{directDir(e.o.Root).Lock(), blobs.Dir(e.o.Root).Lock()} {
		unlock, err := lockfile.Alone(ctx, lock)
		if err != nil {
			return out, err
		}
		defer unlock()
	}
	if err := e.sweep(); err != nil {
		return out, err
	}
	return e.tend(ctx, "prune", p)
}

// share keeps Prune away while something in Root is used.
func (e *Engine) share(ctx context.Context, op, ref string) (unlock func(), err error) {
	if unlock, err = lockfile.Share(ctx, blobs.Dir(e.o.Root).Lock()); err != nil {
		return nil, &bootc.OpError{Op: op, Ref: ref, Err: err}
	}
	return unlock, nil
}

// tend has a worker measure or prune, for only the worker can read the store of an ordinary user.
func (e *Engine) tend(ctx context.Context, op string, p bootc.Pruning) (out bootc.Pruned, err error) {
	s, err := newSession(e.o)
	if err != nil {
		return out, noSpace(err)
	}
	req := request{Op: op, Root: e.o.Root, RunRoot: e.o.RunRoot, Driver: e.o.Driver, LintCache: e.lintCache(), Pruning: p}
	raw, err := run(ctx, s, req, func(event) {}, nil)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if f, ok := errors.AsType[*failure](err); ok {
		err = errors.New(f.Text)
	}
	return out, errors.Join(err, s.discard())
}

// lintCache is the directory of facts about layers, if it is the engine's own.
func (e *Engine) lintCache() string {
	if rel, err := filepath.Rel(e.o.Root, e.o.Lint.Cache); err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return e.o.Lint.Cache
}

// used notes that an image of the store is used now.
func (w *worker) used(id string) {
	name := filepath.Join(usedDir(w.Root), id)
	now := time.Now()
	if os.Chtimes(name, now, now) != nil {
		_ = os.WriteFile(name, nil, 0o600) // it is a cache: if it cannot be noted the image goes a little sooner
	}
}

func usedDir(root string) string { return filepath.Join(root, "used") }

// directDir is what the direct engine has within Root.
func directDir(root string) blobs.Dir { return blobs.Dir(filepath.Join(root, "direct")) }
