package direct

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/blobs"
	"github.com/bootloom/bootloom/internal/gate"
	"github.com/bootloom/bootloom/internal/lockfile"
	"github.com/bootloom/bootloom/internal/tree"
)

// Engine builds plans without running anything. It may be used by several goroutines at once, and there is nothing to
// close.
type Engine struct {
	o     Options
	blobs *blobs.Store
	trees tree.Cache
}

var _ bootc.Engine = (*Engine)(nil)

// Open makes Root what an engine needs. It removes the unfinished files of builds whose program was killed a day ago or
// earlier.
func Open(o Options) (*Engine, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{"images", "blobs", "trees", "bases"} {
		dir = filepath.Join(o.Root, dir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, &bootc.OpError{Op: "open", Ref: o.Root, Err: err}
		}
		old, _ := filepath.Glob(filepath.Join(dir, tree.TempPrefix+"*"))
		for _, name := range append(old, glob(dir, "."+sessionPrefix+"*")...) {
			if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
				os.RemoveAll(name)
			}
		}
	}
	return &Engine{
		o:     o,
		blobs: &blobs.Store{Root: filepath.Join(o.Root, "blobs"), Session: sessionPrefix + rand.Text()},
		trees: tree.Cache{Dir: filepath.Join(o.Root, "trees")},
	}, nil
}

const sessionPrefix = "direct-"

func glob(dir, pattern string) []string {
	names, _ := filepath.Glob(filepath.Join(dir, pattern))
	return names
}

// Inspect reads the manifest and config of a base. Base.Files reads the layers when a feature asks for a file, the first time
// from where the base is.
func (e *Engine) Inspect(ctx context.Context, ref string, o bootc.BuildOptions) (bootc.Base, error) {
	b, err := e.resolve(ctx, bootc.Base{Ref: ref, Platform: o.Platform}, o)
	if err != nil {
		return bootc.Base{}, &bootc.OpError{Op: "inspect", Ref: ref, Err: err}
	}
	return b.facts(ref, func() *ground { return e.newGround(ctx, b.image(), b.manifest(), b.Config, b.Platform) }), nil
}

// Build builds p. What cannot be done directly is done by Options.Run, or is an *ObstacleError. When ctx is done it is the
// context's error. In each case of failure nothing of the build is left but what a later one can use.
func (e *Engine) Build(ctx context.Context, p bootc.Plan, o bootc.BuildOptions) (bootc.Image, error) {
	on := o.OnEvent
	if on == nil {
		on = func(bootc.Event) {}
	}
	unlock, err := lockfile.Share(ctx, e.dir().Lock()) // against Prune, until the image is where the caller wants it
	if err != nil {
		return bootc.Image{}, &bootc.OpError{Op: "build", Ref: p.Base.Ref, Err: err}
	}
	defer unlock()
	img, err := (&build{engine: e, plan: p, on: on}).run(ctx, o)
	if err != nil {
		if _, ok := errors.AsType[*bootc.OpError](err); !ok {
			err = &bootc.OpError{Op: "build", Ref: p.Base.Ref, Err: err}
		}
		return bootc.Image{}, err
	}
	img.Base, img.Spec = p.Base.Ref, p.Spec.String()
	if o.Output == "" {
		return img, nil
	}
	c := e.o.Registry
	c.OnEvent = o.OnEvent
	return c.Save(ctx, img, o.Output)
}

// build is one build.
type build struct {
	engine  *Engine
	plan    bootc.Plan
	base    *known
	secrets map[string][]byte
	gate    gate.Gate
	on      func(bootc.Event)
}

func (b *build) run(ctx context.Context, o bootc.BuildOptions) (bootc.Image, error) {
	e, p := b.engine, b.plan
	if o.Output != "" && !strings.HasPrefix(o.Output, "oci:") && !strings.HasPrefix(o.Output, "oci-archive:") {
		return bootc.Image{}, fmt.Errorf("BuildOptions.Output: %q is neither empty nor oci:DIR[:NAME] nor oci-archive:FILE[:NAME]", o.Output)
	}
	if len(p.Containerfile.Stages) == 0 {
		return bootc.Image{}, errors.New("the plan's Containerfile has no stage")
	}
	for _, w := range p.Warnings {
		b.on(bootc.Event{Kind: bootc.EventWarning, Op: "build", Ref: p.Base.Ref, Platform: o.Platform, Text: w.String()})
	}
	var err error
	if b.secrets, err = p.ReadSecrets(o.Secrets); err != nil {
		return bootc.Image{}, err
	}
	head, tail := split(p)
	if head != nil && e.o.Run == nil {
		return bootc.Image{}, &ObstacleError{Obstacles(p)}
	}
	b.gate = gate.Gate{Linter: e.o.Lint, Skip: e.o.SkipLint, OnReport: e.o.OnReport, OnEvent: b.on, Ref: p.Base.Ref}
	if b.base, err = e.resolve(ctx, p.Base, o); err != nil {
		return bootc.Image{}, err
	}
	g := e.newGround(ctx, b.base.image(), b.base.manifest(), b.base.Config, b.base.Platform)
	if head != nil {
		if err := b.gate.Plan(p); err != nil {
			return bootc.Image{}, err
		}
		o.Output = ""
		img, err := e.o.Run.Build(ctx, *head, o)
		if err != nil {
			return bootc.Image{}, err
		}
		if g, err = e.onTop(ctx, img, b.base.Platform); err != nil {
			return bootc.Image{}, err
		}
	}
	return e.finish(ctx, b, g, tail)
}

// onTop is the ground that an image of Options.Run is.
func (e *Engine) onTop(ctx context.Context, img bootc.Image, platform string) (*ground, error) {
	r, err := e.o.Registry.Open(ctx, img, platform)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := known{Manifest: r.Manifest.Data, Config: r.ConfigData}
	g := e.newGround(ctx, img, b.manifest(), r.ConfigData, platform)
	return g, json.Unmarshal(r.Manifest.Data, &g.manifest)
}
