package bootc

import (
	"context"
	"errors"
	"fmt"
)

// Engine builds Plans. buildah.Engine (package bootc/buildah) builds in this process.
type Engine interface {
	// Inspect resolves a base reference for o.Platform and reads its facts; Base.Infer completes them. Nothing of
	// the base needs to be kept.
	Inspect(ctx context.Context, ref string, o BuildOptions) (Base, error)
	// Build builds one Plan for one platform. The name after FROM is Plan.Base.From; a base that is Local has to be
	// imported under it first. Before anything else it tells Plan.Warnings, and asks Plan.CheckSecrets about the values of
	// the secrets. Build returns when the image is complete, or nothing of it is left.
	Build(ctx context.Context, p Plan, o BuildOptions) (Image, error)
}

var (
	// ErrNotPulled: the engine does not have the base, and PullNever forbids to fetch it.
	ErrNotPulled = errors.New("the engine does not have the base, and the pull policy is never")
	// ErrChanged: the base is not the one that the plan was compiled against.
	ErrChanged = errors.New("the base has changed since the plan was compiled")
)

// BuildOptions are the options of one build. The zero value builds for the host's platform.
type BuildOptions struct {
	// Platform is os/arch[/variant]; empty for linux on the host's architecture.
	Platform string
	// Pull says when the base is fetched; the zero value fetches what is missing.
	Pull PullPolicy
	// Secrets has a value for each name in Plan.Secrets.
	Secrets map[string]SecretValue
	// Output is where the image goes: "" for the engine's own store, oci:DIR[:NAME] or oci-archive:FILE[:NAME].
	Output string
	// NoCache runs every step, also those whose result the engine has.
	NoCache bool
	// OnEvent is told what happens, serially; nil is silence.
	OnEvent func(Event)
}

// PullPolicy says when an engine fetches the base.
type PullPolicy string

// The pull policies, as podman and buildah name them.
const (
	PullMissing PullPolicy = ""       // fetch what is not in the engine's store under the same digest
	PullAlways  PullPolicy = "always" // fetch, even if the store has it
	PullNever   PullPolicy = "never"  // fail if the store does not have it
)

// Build resolves the base of s, compiles s against the facts of that base and builds the plan.
func Build(ctx context.Context, e Engine, s Spec, o BuildOptions) (Image, error) {
	base, err := e.Inspect(ctx, s.Base, o)
	if err != nil {
		return Image{}, err
	}
	plan, err := s.Compile(base)
	if err != nil {
		return Image{}, fmt.Errorf("the spec does not compile:\n%w", err)
	}
	return e.Build(ctx, plan, o)
}
