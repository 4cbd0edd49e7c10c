//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/registry"
)

// Engine builds Plans with buildah. It may be used by several goroutines at once.
type Engine struct {
	o      Options
	direct *direct.Engine // does what needs no container; nil for nothing
	seen   sync.Map       // files of bases in the store, layerFS by digest and platform: a worker need not look again
	mu     sync.Mutex
	store  storage.Store
	closed bool
}

var _ bootc.Engine = (*Engine)(nil)

// Open makes Root what an engine needs, and removes what builds left there whose processes were killed. It is an
// error if Options are wrong or Root cannot be written; what else the host lacks is the business of Preflight and
// Build.
func Open(o Options) (*Engine, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{o.Root, o.RunRoot, o.TempDir, sessionsDir(o.Root),
		filepath.Join(o.Root, "images"), filepath.Join(o.Root, "blobs"), filepath.Join(o.Root, "builds"), usedDir(o.Root), filepath.Join(o.Root, "cache", "blobinfo")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, &bootc.OpError{Op: "open", Ref: o.Root, Err: err}
		}
	}
	e := &Engine{o: o}
	if err := e.sweep(); err != nil {
		return nil, &bootc.OpError{Op: "open", Ref: o.Root, Err: err}
	}
	if e.direct, err = e.newDirect(); err != nil {
		return nil, err
	}
	return e, nil
}

// Close releases the engine. What it built stays in Root; builds that run are not ended.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.store == nil {
		return nil
	}
	_, err := e.store.Shutdown(false)
	e.store = nil
	return err
}

func (e *Engine) isOpen() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	return nil
}

// Store opens the engine's containers/storage store in this process, for what this package does not offer. Close
// shuts it down. It is outside the compatibility promise of this module.
func (e *Engine) Store() (storage.Store, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	if e.store == nil {
		r := request{Root: e.o.Root, RunRoot: e.o.RunRoot, Driver: e.o.Driver}
		store, err := storage.GetStore(r.storeOptions())
		if err != nil {
			return nil, err
		}
		e.store = store
	}
	return e.store, nil
}

// Inspect finds the base, checks it against Options.Policy and reads its facts. When one of Base.Files is first asked for, the
// base is brought into the engine's store; the layers are read where they lie, and nothing is mounted.
func (e *Engine) Inspect(ctx context.Context, ref string, o bootc.BuildOptions) (bootc.Base, error) {
	if !e.directly(ref) {
		return e.inspect(ctx, ref, o)
	}
	if err := e.isOpen(); err != nil {
		return bootc.Base{}, err
	}
	base, err := e.direct.Inspect(ctx, ref, o)
	if err != nil {
		return bootc.Base{}, err
	}
	base.Files = e.lazily(ctx, base, o)
	return base, nil
}

// inspect brings the base into the store.
func (e *Engine) inspect(ctx context.Context, ref string, o bootc.BuildOptions) (bootc.Base, error) {
	var out inspected
	err := e.do(ctx, "inspect", ref, o, nil, &out)
	if err != nil {
		return bootc.Base{}, err
	}
	base := bootc.Base{Ref: ref, Digest: out.Digest, Platform: out.Platform, Files: newLayerFS(out.Layers)}
	var config v1.Image
	if err := json.Unmarshal(out.Config, &config); err != nil {
		return bootc.Base{}, err
	}
	base.Labels = config.Config.Labels
	if config.Created != nil {
		base.Created = *config.Created
	}
	base, err = base.Infer()
	if err != nil {
		return bootc.Base{}, &bootc.OpError{Op: "inspect", Ref: ref, Err: err}
	}
	return base, nil
}

// Build builds p. The base comes from Plan.Containerfile's last stage; if Plan.Base has a digest it must be that of
// the base. A step that fails is a *StepError, a host that cannot build a *bootc.PreflightError, a base that the
// policy refuses ErrUntrusted, a full disk ErrNoSpace, findings of Options.Lint a *lint.FindingsError; when ctx is done it is
// the context's error. In each of these cases nothing of the build is left.
//
// A build that the engine has done before, or another one that shares its Options.Cache, is answered with its image, all steps
// Cached, unless something in the plan comes from elsewhere without a digest, o.NoCache is set, o.Pull is PullAlways or
// Options.Tune might change it.
// A step found in the layer cache has two events, the second with Cached set: the builder runs a COPY or ADD to find out.
func (e *Engine) Build(ctx context.Context, p bootc.Plan, o bootc.BuildOptions) (bootc.Image, error) {
	if err := e.isOpen(); err != nil {
		return bootc.Image{}, err
	}
	if e.directly(baseRef(p)) {
		img, err := e.direct.Build(ctx, p, o)
		return img, noSpace(err)
	}
	return e.build(ctx, p, o, false)
}

// baseRef is what a plan builds on.
func baseRef(p bootc.Plan) string {
	if p.Base.Ref == "" && len(p.Containerfile.Stages) > 0 {
		return p.Containerfile.Stages[len(p.Containerfile.Stages)-1].From
	}
	return p.Base.Ref
}

// build builds p in a worker. A part of a build is checked as a whole, by whoever asked for the part.
func (e *Engine) build(ctx context.Context, p bootc.Plan, o bootc.BuildOptions, part bool) (bootc.Image, error) {
	if o.Output != "" {
		if _, _, ok := localPath(o.Output); !ok {
			return bootc.Image{}, fmt.Errorf("BuildOptions.Output: %q is neither empty nor oci:DIR[:NAME] nor oci-archive:FILE[:NAME]", o.Output)
		}
	}
	p.Base.Ref = baseRef(p)
	unlock, err := e.share(ctx, "build", p.Base.Ref) // until the image is where the caller wants it
	if err != nil {
		return bootc.Image{}, err
	}
	defer unlock()
	for _, w := range p.Warnings {
		if o.OnEvent != nil {
			o.OnEvent(bootc.Event{Kind: bootc.EventWarning, Op: "build", Ref: p.Base.Ref, Platform: o.Platform, Text: w.String()})
		}
	}
	img, err := e.once(ctx, p, o, part)
	if err != nil {
		return bootc.Image{}, err
	}
	img.Base, img.Spec = p.Base.Ref, p.Spec.String()
	if o.Output == "" {
		return img, nil
	}
	c := e.o.Registry
	c.TempDir = e.o.TempDir
	img, err = c.Save(ctx, img, absolute(o.Output))
	return img, noSpace(err)
}

// once builds p, unless it is what an earlier build of this engine was.
func (e *Engine) once(ctx context.Context, p bootc.Plan, o bootc.BuildOptions, part bool) (bootc.Image, error) {
	if err := e.isOpen(); err != nil {
		return bootc.Image{}, err
	}
	plat, err := platform(o.Platform)
	if err != nil {
		return bootc.Image{}, err
	}
	var q *question
	secrets, err := p.ReadSecrets(o.Secrets)
	if err == nil {
		q, err = e.ask(p, plat, secrets, part)
	}
	if err != nil {
		return bootc.Image{}, &bootc.OpError{Op: "build", Ref: p.Base.Ref, Err: err}
	}
	if img, ok := e.recall(q.name()); ok && !o.NoCache && o.Pull != bootc.PullAlways {
		replay(p, plat, o.OnEvent)
		return img, ctx.Err()
	}
	cache := e.newShared(q, p, plat, o.OnEvent)
	if !o.NoCache && o.Pull == bootc.PullMissing {
		if img, ok := cache.get(ctx); ok {
			replay(p, plat, o.OnEvent)
			e.remember(q.name(), img)
			return img, ctx.Err()
		}
	}
	if err := e.preflight(ctx, p, o.Platform).Err(); err != nil {
		return bootc.Image{}, err
	}
	l := e.newLinting(p, o.OnEvent)
	if l.part = part; !part {
		if err := l.Plan(p); err != nil {
			return bootc.Image{}, err
		}
	}
	if len(secrets) > 0 {
		o.NoCache = true // the builder's cache knows a secret by its name alone
	}
	var out built
	if err := e.do(ctx, "build", p.Base.Ref, o, l, &out); err != nil {
		return bootc.Image{}, err
	}
	e.remember(q.name(), out.Image)
	cache.put(ctx, out.Image)
	return out.Image, nil
}

// do prepares a request, runs it in a worker, and leaves nothing of it.
func (e *Engine) do(ctx context.Context, op, ref string, o bootc.BuildOptions, b *linting, out any) (err error) {
	if err := e.isOpen(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return &bootc.OpError{Op: op, Ref: ref, Err: err}
	}
	unlock, err := e.share(ctx, op, ref)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := newSession(e.o)
	if err != nil {
		return &bootc.OpError{Op: op, Ref: ref, Err: noSpace(err)}
	}
	req, err := e.request(op, ref, o, s)
	if err != nil {
		return &bootc.OpError{Op: op, Ref: ref, Err: errors.Join(noSpace(err), s.discard())}
	}
	var m stepMap
	if b != nil {
		req.Lint = b.request()
	}
	if b != nil && b.plan != nil {
		m = mapSteps(*b.plan)
		if err := e.plan(ctx, &req, *b.plan, o); err != nil {
			return &bootc.OpError{Op: op, Ref: ref, Err: errors.Join(noSpace(err), s.discard())}
		}
	}
	raw, err := run(ctx, s, req, func(ev event) {
		if o.OnEvent == nil {
			return
		}
		if ev.Stage >= 0 {
			_, ev.Features = m.place(ev.Stage, ev.Node)
			ev.Step, ev.Steps = m.number(ev.Stage, ev.Node), m.total
		}
		o.OnEvent(ev.Event)
	}, func(l layers) error { return b.image(ctx, l) })
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return errors.Join(r.err, s.discard())
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return errors.Join(f.restore(m.place), s.discard())
	}
	if err != nil {
		// The worker was killed or died, so somebody else must tidy up, even if ctx is done.
		err = errors.Join(noSpace(err), e.tidy(s))
		return &bootc.OpError{Op: op, Ref: ref, Err: err}
	}
	if err := s.discard(); err != nil {
		return &bootc.OpError{Op: op, Ref: ref, Err: err}
	}
	return nil
}

// registry is the caller's client, with its files where a sweep finds them.
func (e *Engine) registry(s *session) registry.Client {
	c := e.o.Registry
	c.TempDir = s.Run
	return c
}

// request has what the engine's options say.
func (e *Engine) request(op, ref string, o bootc.BuildOptions, s *session) (request, error) {
	plat, err := platform(o.Platform)
	if err != nil {
		return request{}, err
	}
	a, err := accessOf(e.registry(s))
	if err != nil {
		return request{}, fmt.Errorf("Options.Registry: %w", err)
	}
	switch o.Pull {
	case bootc.PullMissing, bootc.PullAlways, bootc.PullNever:
	default:
		return request{}, fmt.Errorf("BuildOptions.Pull: %q is not a pull policy", o.Pull)
	}
	return request{
		Op: op, Session: s.paths, Root: e.o.Root, RunRoot: e.o.RunRoot, Driver: e.o.Driver,
		Ref: absolute(ref), Platform: plat, Pull: o.Pull, Registry: a, Policy: e.o.Policy,
		Isolation: e.o.Isolation, Runtime: e.o.Runtime, Compression: e.o.Compression,
		NoLayerCache: e.o.NoLayerCache, NoCache: o.NoCache, Trees: e.trees(),
	}, nil
}

// trees is where the direct engine looks for what is in layers.
func (e *Engine) trees() string {
	if e.direct == nil {
		return ""
	}
	return filepath.Join(string(directDir(e.o.Root)), "trees")
}

// epochOf is the time that everything in an image has.
func epochOf(p bootc.Plan) time.Time {
	return time.Unix(max(p.Epoch.Unix(), 0), 0).UTC() // the zero time.Time: no time of its own
}

// plan adds what the plan says, and writes its context.
func (e *Engine) plan(ctx context.Context, req *request, p bootc.Plan, o bootc.BuildOptions) error {
	req.Digest, req.Epoch, req.Annotations = p.Base.Digest, epochOf(p), p.Annotations
	req.LayerFeatures = p.LayerFeatures()
	var err error
	if req.Secrets, err = p.ReadSecrets(o.Secrets); err != nil {
		return err
	}
	file, labels := withoutLabels(p.Containerfile)
	req.Labels = labels
	if req.Containerfile, req.Froms, err = withMarkers(file, p.Base); err != nil {
		return err
	}
	if req.Tuned, err = tune(e.o.Tune, buildOptions(req)); err != nil {
		return err
	}
	return writeContext(ctx, contextDir(req.Session), p.Archives, req.Epoch)
}
