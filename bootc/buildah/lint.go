//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/gate"
	"github.com/bootloom/bootloom/lint"
)

// linting checks one build: the plan before, the layers after the steps. The worker, which may read the layers, gathers what
// the rules want to know; the rules run in the caller's process, for they are functions of the caller.
type linting struct {
	bootc.Plan
	gate.Gate
	driver string
	part   bool // of a build that is checked as a whole elsewhere: facts are gathered, and everything goes through
}

func (e *Engine) newLinting(p bootc.Plan, on func(bootc.Event)) *linting {
	return &linting{p, gate.Gate{Linter: e.o.Lint, Skip: e.o.SkipLint, OnReport: e.o.OnReport, OnEvent: on, Ref: p.Base.Ref}, e.o.Driver, false}
}

// request is what the worker is to gather; nil for nothing.
func (l *linting) request() *lintRequest {
	wants, err := l.Linter.Wants()
	if l.Skip || err != nil { // Open has checked
		return nil
	}
	if l.driver != "overlay" { // each layer is the whole tree, and nothing shows what is new in it
		l.Tell(bootc.Event{Kind: bootc.EventWarning, Op: "lint", Ref: l.Base.Ref,
			Text: "the layers are not checked before the image is made: the storage driver " + l.driver + " does not keep them apart"})
		return nil
	}
	return &lintRequest{Wants: wants, Limits: l.Linter.Limits, Cache: l.Linter.Cache}
}

// image checks the layers of an image that is about to be made.
func (l *linting) image(ctx context.Context, in layers) error {
	if l.part {
		return nil
	}
	linter := l.Linter
	linter.BuiltBy = &l.Plan
	if len(in.Base) > 0 {
		var base v1.Image
		if err := json.Unmarshal(in.Base, &base); err != nil {
			return &bootc.OpError{Op: "lint", Ref: l.Base.Ref, Err: err}
		}
		linter.Base, linter.BaseLayers = &base, len(base.RootFS.DiffIDs)
	}
	r, err := linter.Overlay(ctx, l.Base.Ref, lint.Overlay{Dirs: in.Dirs, Config: in.Config})
	if err != nil {
		return err
	}
	return l.Report(r)
}
