//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/gate"
	"github.com/bootloom/bootloom/lint"
)

// Lint lints an image that the engine can use as a base, such as containers-storage:NAME for one of its own store: it brings
// it there as Inspect does, and reads its layers where they lie. The driver must be overlay.
func (e *Engine) Lint(ctx context.Context, ref string, l lint.Linter, o bootc.BuildOptions) (lint.Report, error) {
	if e.o.Driver != "overlay" {
		return lint.Report{}, &bootc.OpError{Op: "lint", Ref: ref, Err: fmt.Errorf("the storage driver %s does not keep layers apart: %w", e.o.Driver, errors.ErrUnsupported)}
	}
	if _, err := l.Wants(); err != nil {
		return lint.Report{}, &bootc.OpError{Op: "lint", Ref: ref, Err: err}
	}
	unlock, err := e.share(ctx, "lint", ref)
	if err != nil {
		return lint.Report{}, err
	}
	defer unlock()
	l.Cache = cmp.Or(l.Cache, e.o.Lint.Cache)
	var found inspected
	if err := e.do(ctx, "inspect", ref, o, &linting{Gate: gate.Gate{Linter: l, OnEvent: o.OnEvent, Ref: ref}, driver: e.o.Driver}, &found); err != nil {
		return lint.Report{}, err
	}
	slices.Reverse(found.Layers)
	return l.Overlay(ctx, ref, lint.Overlay{Dirs: found.Layers, Config: found.Config})
}

// linting checks one build: the plan before, the layers after the steps. The worker, which may read the layers, gathers what
// the rules want to know; the rules run in the caller's process, for they are functions of the caller.
type linting struct {
	plan *bootc.Plan // nil for an image that is there
	gate.Gate
	driver string
	part   bool // of a build that is checked as a whole elsewhere: facts are gathered, and everything goes through
}

func (e *Engine) newLinting(p bootc.Plan, on func(bootc.Event)) *linting {
	return &linting{&p, gate.Gate{Linter: e.o.Lint, Skip: e.o.SkipLint, OnReport: e.o.OnReport, OnEvent: on, Ref: p.Base.Ref}, e.o.Driver, false}
}

// request is what the worker is to gather; nil for nothing.
func (l *linting) request() *lintRequest {
	wants, err := l.Linter.Wants()
	if l.Skip || err != nil { // Open has checked
		return nil
	}
	if l.driver != "overlay" { // each layer is the whole tree, and nothing shows what is new in it
		l.Tell(bootc.Event{Kind: bootc.EventWarning, Op: "lint", Ref: l.Ref,
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
	linter.BuiltBy = l.plan
	if len(in.Base) > 0 {
		var base v1.Image
		if err := json.Unmarshal(in.Base, &base); err != nil {
			return &bootc.OpError{Op: "lint", Ref: l.Ref, Err: err}
		}
		linter.Base, linter.BaseLayers = &base, len(base.RootFS.DiffIDs)
	}
	r, err := linter.Overlay(ctx, l.Ref, lint.Overlay{Dirs: in.Dirs, Config: in.Config})
	if err != nil {
		return err
	}
	return l.Report(r)
}
