//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// tidy removes what a session left whose worker is gone.
func (e *Engine) tidy(s *session) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	os.RemoveAll(s.Temp) // first of all, as the disk may be full; what an ordinary user cannot remove is for the worker
	helper, err := newSession(e.o)
	if err != nil {
		return err
	}
	req := request{Op: "sweep", Root: e.o.Root, RunRoot: e.o.RunRoot, Driver: e.o.Driver, Stale: []paths{s.paths}}
	if _, err := run(ctx, helper, req, func(event) {}, nil); err != nil {
		helper.discard()
		return fmt.Errorf("remove what the build left: %w", err)
	}
	return errors.Join(s.discard(), helper.discard())
}

// sweep removes what dead sessions left. It holds the guard all the time: the images of commits that were cut short can
// be told from others only while no build runs.
func (e *Engine) sweep() error {
	unguard, err := guard(sessionsDir(e.o.Root))
	if err != nil {
		return err
	}
	defer unguard()
	dead, alone, err := stale(sessionsDir(e.o.Root))
	if alone {
		// Written between sessions. Whoever writes one right now does without.
		unfinished, _ := filepath.Glob(filepath.Join(e.o.Root, "builds", unfinishedPrefix+"*"))
		for _, name := range unfinished {
			os.Remove(name)
		}
	}
	if err != nil || len(dead) == 0 {
		return err
	}
	req := request{Op: "sweep", Root: e.o.Root, RunRoot: e.o.RunRoot, Driver: e.o.Driver, Alone: alone}
	for _, s := range dead {
		req.Stale = append(req.Stale, s.paths)
		os.RemoveAll(s.Temp) // makes room; what is left of it is for the worker
	}
	helper, err := guarded(e.o)
	if err != nil {
		return err
	}
	_, err = run(context.Background(), helper, req, func(event) {}, nil)
	errs := []error{err, helper.discard()}
	for _, s := range dead {
		if err == nil {
			errs = append(errs, s.discard())
		} else {
			s.lock.Close() // for the next Open
		}
	}
	return errors.Join(errs...)
}

// noSpace gives a full disk its name.
func noSpace(err error) error {
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
