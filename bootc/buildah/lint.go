//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
)

// linting checks one build: the plan before, the layers after the steps. The worker, which may read the layers, gathers what
// the rules want to know; the rules run in the caller's process, for they are functions of the caller.
type linting struct {
	bootc.Plan
	linter   lint.Linter
	skip     bool
	driver   string
	onReport func(lint.Report)
	onEvent  func(bootc.Event)
	told     map[string]bool // fingerprints of findings that have been an event
}

func (e *Engine) newLinting(p bootc.Plan, on func(bootc.Event)) *linting {
	return &linting{Plan: p, linter: e.o.Lint, skip: e.o.SkipLint, driver: e.o.Driver, onReport: e.o.OnReport, onEvent: on, told: map[string]bool{}}
}

// checks is the identity of what builds are checked for, as far as it can be told: a build that was checked for something else
// is not the answer to this one.
func (e *Engine) checks() digest.Digest {
	if e.o.SkipLint {
		return ""
	}
	l := e.o.Lint
	l.Cache = ""
	text, err := json.Marshal(l)
	if err != nil {
		text = nil
	}
	rules := l.Rules
	if rules == nil {
		rules = lint.Rules()
	}
	var b strings.Builder
	b.Write(text)
	for _, r := range rules {
		b.WriteString(" " + r.ID + "=" + r.Severity.String())
	}
	return digest.FromString(b.String())
}

// plan checks the plan.
func (l *linting) plan() error {
	if l.skip {
		return nil
	}
	return l.report(l.linter.Plan(l.Plan))
}

// request is what the worker is to gather; nil for nothing.
func (l *linting) request() *lintRequest {
	wants, err := l.linter.Wants()
	if l.skip || err != nil { // Open has checked
		return nil
	}
	if l.driver != "overlay" { // each layer is the whole tree, and nothing shows what is new in it
		l.tell(bootc.Event{Kind: bootc.EventWarning, Op: "lint", Ref: l.Base.Ref,
			Text: "the layers are not checked before the image is made: the storage driver " + l.driver + " does not keep them apart"})
		return nil
	}
	return &lintRequest{Wants: wants, Limits: l.linter.Limits, Cache: l.linter.Cache}
}

// image checks the layers of an image that is about to be made.
func (l *linting) image(ctx context.Context, in layers) error {
	linter := l.linter
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
	return l.report(r)
}

// report tells of what was found, and returns the error if it is too much.
func (l *linting) report(r lint.Report) error {
	if l.onReport != nil {
		l.onReport(r)
	}
	if err := r.Err(); err != nil {
		return &bootc.OpError{Op: "lint", Ref: l.Base.Ref, Err: err}
	}
	for _, f := range r.Open() {
		if f.Severity < lint.Warning || l.told[f.Fingerprint] {
			continue
		}
		l.told[f.Fingerprint] = true
		e := bootc.Event{Kind: bootc.EventWarning, Op: "lint", Ref: l.Base.Ref, Text: f.String()}
		if f.Source != nil {
			e.Features = f.Source.Fields
		}
		l.tell(e)
	}
	return nil
}

func (l *linting) tell(e bootc.Event) {
	if l.onEvent != nil {
		l.onEvent(e)
	}
}
