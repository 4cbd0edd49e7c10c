package direct

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
	"github.com/bootloom/bootloom/registry"
)

// Options say where an engine keeps its things. Root is required; every other field has a zero value that works.
type Options struct {
	// Root is the directory that holds images, layers and what is known of bases: a cache, of which anything may be deleted
	// while no build runs; Engine.Prune keeps it in bounds. It is made if it is missing. Engines of several processes may share it.
	Root string
	// Registry says how to reach the registries that bases come from. Its zero value uses the logins of the current user.
	Registry registry.Client
	// Verify decides whether a base may be used; nil accepts all. sign.DevicePolicy is one.
	Verify Verifier
	// Compression of the layers that are added; empty for bootc.Gzip.
	Compression bootc.Compression
	// Lint checks each plan before anything is done, and an image of which a part ran (Run) before it is made; a build with
	// findings from Lint.FailOn on fails with a *lint.FindingsError. The zero value runs all rules and fails on errors.
	// Lint.Cache empty is a directory in Root. What was made and checked before is not linted again.
	Lint lint.Linter
	// SkipLint builds without any check.
	SkipLint bool
	// OnReport is told what Lint found; nil is silence. Findings that do not fail a build are events as well, of the kind
	// EventWarning, notes excepted.
	OnReport func(lint.Report)
	// Run builds what cannot be done directly, up to the last such step; nil refuses such plans with an *ObstacleError.
	// Where the image is must be readable for Registry, as that of buildah.Engine is.
	Run bootc.Engine
}

// Verifier checks the signature of an image.
type Verifier interface {
	// Verify fails unless the image may be used: the reference as the Spec has it, or "repository@digest"; for a local base
	// its location, "oci:DIR:NAME".
	Verify(ctx context.Context, client registry.Client, reference string) error
}

// check completes o, or says what is wrong with it.
func (o Options) check() (Options, error) {
	var errs []error
	if o.Root == "" {
		errs = append(errs, bootc.Errorf("Options.Root", "is empty: name a directory that the engine may fill"))
	} else if abs, err := filepath.Abs(o.Root); err != nil {
		errs = append(errs, bootc.Errorf("Options.Root", "%w", err))
	} else {
		o.Root = abs
	}
	switch o.Compression {
	case "":
		o.Compression = bootc.Gzip
	case bootc.Gzip, bootc.Zstd:
	default:
		errs = append(errs, fmt.Errorf("Options.Compression: %q is neither %q nor %q", o.Compression, bootc.Gzip, bootc.Zstd))
	}
	if o.Lint.Cache == "" {
		o.Lint.Cache = filepath.Join(o.Root, "lint")
	}
	if _, err := o.Lint.Wants(); err != nil && !o.SkipLint {
		errs = append(errs, bootc.Errorf("Options.Lint", "%w", err))
	}
	return o, errors.Join(errs...)
}
