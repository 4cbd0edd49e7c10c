//go:build !(linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo)))

package buildah

import (
	"context"
	"fmt"
	"runtime"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
)

// Tune is the type of Options.Tune. In a program with the engine it is func(*define.BuildOptions).
type Tune func(any)

// Engine builds Plans with buildah, in programs that are built for it; see Open.
type Engine struct{}

var _ bootc.Engine = (*Engine)(nil)

// Open returns ErrNotBuiltIn and says how to build a program that has the engine.
func Open(o Options) (*Engine, error) {
	if _, err := o.check(); err != nil {
		return nil, err
	}
	return nil, notBuiltIn()
}

func notBuiltIn() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%w: it runs on linux, not on %s", ErrNotBuiltIn, runtime.GOOS)
	}
	return fmt.Errorf("%w: compile with -tags containers_image_openpgp,exclude_graphdriver_btrfs, or, where the headers of "+
		"gpgme and btrfs are installed and cgo is on, with -tags bootloom_system_gpgme", ErrNotBuiltIn)
}

// Preflight returns ErrNotBuiltIn.
func (*Engine) Preflight(context.Context) (bootc.Preflight, error) { return nil, notBuiltIn() }

// Inspect returns ErrNotBuiltIn.
func (*Engine) Inspect(context.Context, string, bootc.BuildOptions) (bootc.Base, error) {
	return bootc.Base{}, notBuiltIn()
}

// Build returns ErrNotBuiltIn.
func (*Engine) Build(context.Context, bootc.Plan, bootc.BuildOptions) (bootc.Image, error) {
	return bootc.Image{}, notBuiltIn()
}

// Lint returns ErrNotBuiltIn.
func (*Engine) Lint(context.Context, string, lint.Linter, bootc.BuildOptions) (lint.Report, error) {
	return lint.Report{}, notBuiltIn()
}

// Size returns ErrNotBuiltIn.
func (*Engine) Size(context.Context) (int64, error) { return 0, notBuiltIn() }

// Prune returns ErrNotBuiltIn.
func (*Engine) Prune(context.Context, bootc.Pruning) (bootc.Pruned, error) {
	return bootc.Pruned{}, notBuiltIn()
}

// Close returns nil.
func (*Engine) Close() error { return nil }
