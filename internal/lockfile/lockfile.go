// Package lockfile has locks between processes: many may share one, or one have it alone. The system drops a lock when its
// process dies, so none is ever stale.
package lockfile

import (
	"context"
	"errors"
	"os"
	"time"
)

// errTaken: somebody else has the lock.
var errTaken = errors.New("the lock is taken")

// Share waits until nobody has the lock at path alone, and takes a share of it.
func Share(ctx context.Context, path string) (unlock func(), err error) {
	return take(ctx, path, false)
}

// Alone waits until nobody has a share of the lock at path, and takes it.
func Alone(ctx context.Context, path string) (unlock func(), err error) { return take(ctx, path, true) }

// Try takes the lock of an open file if nobody else has it, until all who have the file open by this call or inherit it have
// closed it.
func Try(f *os.File) (ok bool, err error) {
	if err := try(f, true); !errors.Is(err, errTaken) {
		return err == nil, err
	}
	return false, nil
}

// It asks again and again, as the system's own way to wait does not end with a context.
func take(ctx context.Context, path string, alone bool) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := try(f, alone)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, errTaken) {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-time.After(wait):
		}
	}
}
