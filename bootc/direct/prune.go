package direct

import (
	"context"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/blobs"
	"github.com/bootloom/bootloom/internal/lockfile"
	"github.com/bootloom/bootloom/internal/prune"
)

func (e *Engine) dir() blobs.Dir { return blobs.Dir(e.o.Root) }

// Size is how many bytes Root has: images, layers, what is known of bases. What a bootc.Engine of Options.Run keeps is not
// among them.
func (e *Engine) Size(ctx context.Context) (int64, error) {
	_, size, err := e.dir().Items()
	if err != nil {
		return 0, &bootc.OpError{Op: "size", Ref: e.o.Root, Err: err}
	}
	return size, ctx.Err()
}

// Prune removes from Root what was used least recently, until no more than p.Limit is left. It waits until no build runs in
// Root, of this process or another, and holds up those that begin meanwhile; with ctx ends the waiting. What is removed
// goes at once: an Image that a build returned longer than p.Young ago may be gone.
func (e *Engine) Prune(ctx context.Context, p bootc.Pruning) (bootc.Pruned, error) {
	out, err := e.prune(ctx, p)
	if err != nil {
		return out, &bootc.OpError{Op: "prune", Ref: e.o.Root, Err: err}
	}
	return out, nil
}

func (e *Engine) prune(ctx context.Context, p bootc.Pruning) (bootc.Pruned, error) {
	unlock, err := lockfile.Alone(ctx, e.dir().Lock())
	if err != nil {
		return bootc.Pruned{}, err
	}
	defer unlock()
	items, size, err := e.dir().Items()
	if err != nil {
		return bootc.Pruned{}, err
	}
	out, err := prune.Run(ctx, items, size, p)
	if err != nil {
		return out, err
	}
	return out, e.blobs.Forget()
}
