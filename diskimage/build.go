package diskimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// Build makes the disk: it checks the Spec, looks at the image, fetches it by its digest, has the tool work on it where the
// Runner says, and takes the result out. No mistake that Check can see costs more than the call. Nothing is left when it
// fails or ctx ends: no container, no process, no file.
func (s Spec) Build(ctx context.Context, r Runner, o BuildOptions) (Disk, error) {
	var d Disk
	err := s.run(ctx, r, o, nil, func(ctx context.Context, b *build) error {
		var err error
		d, err = b.collect(ctx)
		return err
	})
	if err != nil {
		return Disk{}, err
	}
	return d, nil
}

// Manifest is a Build that ends before osbuild starts: it returns what osbuild would be told to do, as JSON. It costs seconds, and has
// the tool itself judge the Spec and the image. Passwords of users are in it as hashes. BuildOptions.Output is not used.
func (s Spec) Manifest(ctx context.Context, r Runner, o BuildOptions) ([]byte, error) {
	var manifest bytes.Buffer
	err := s.run(ctx, r, o, &manifest, func(context.Context, *build) error { return nil })
	if err != nil {
		return nil, err
	}
	return manifest.Bytes(), nil
}

// build is one run.
type build struct {
	spec   Spec
	o      BuildOptions
	runner Runner
	work   *work
	watch  watch
	source string // of the disk: repository@digest
	ref    string // for events and errors
	mu     sync.Mutex
	stall  *time.Timer
}

func (s Spec) run(ctx context.Context, r Runner, o BuildOptions, manifest *bytes.Buffer, finish func(context.Context, *build) error) (err error) {
	config, secrets, err := s.prepare(o, manifest != nil)
	if err != nil {
		return err
	}
	b := &build{spec: s, o: o, runner: r, ref: s.Source.String()}
	fail := func(err error) error { return opError(b.ref, err) }
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if d := o.stall(); d > 0 {
		b.stall = time.AfterFunc(d, func() { cancel(fmt.Errorf("%w for %s: the tool was stopped", ErrStalled, d)) })
		defer b.stall.Stop()
	}
	b.emit(bootc.Event{Kind: bootc.EventStart, Op: "disk", Ref: b.ref})
	images, err := b.inspect(ctx)
	if err != nil {
		return fail(cause(ctx, err))
	}
	if b.work, err = newWork(o.workDir()); err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, opError(b.ref, b.work.remove())) }()
	if config != nil {
		if err := b.work.write("config.json", config); err != nil {
			return fail(err)
		}
	}
	b.watch = watch{on: b.emit, ref: b.ref, secrets: secrets, ignores: func(key string) bool {
		// The tool says so, and applies it all the same.
		return key != "customizations.filesystem" || formats[s.Format].class != disk
	}}
	j := b.job(images, config != nil, manifest)
	j.Line = func(text string) {
		b.alive()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.watch.line(text)
		if err := b.watch.leftOut(); err != nil {
			cancel(err) // the tool would go on for minutes
		}
	}
	if err := b.place(ctx, j); err != nil {
		return fail(cause(ctx, err))
	}
	if err := b.fetch(ctx, images); err != nil {
		return fail(cause(ctx, err))
	}
	if err := b.tool(ctx, j); err != nil {
		return fail(cause(ctx, err))
	}
	if err := finish(ctx, b); err != nil {
		return fail(cause(ctx, err))
	}
	b.emit(bootc.Event{Kind: bootc.EventDone, Op: "disk", Ref: b.ref})
	return nil
}

// prepare finds every mistake there is to find, and returns the configuration and what must not be shown.
func (s Spec) prepare(o BuildOptions, manifest bool) (config []byte, secrets []string, err error) {
	errs := append([]error{s.Check()}, o.check(s, manifest)...)
	config, err = s.blueprint(func(field, name string) (string, error) {
		v, err := o.secret(field, name)
		secrets = append(secrets, hidden(v)...)
		return v, err
	})
	return config, secrets, errors.Join(append(errs, err)...)
}

// place asks the runner whether the tool can run.
func (b *build) place(ctx context.Context, j Job) error {
	report, err := b.runner.Preflight(ctx, j)
	if err != nil {
		return err
	}
	for _, p := range report {
		if !p.Fatal {
			b.emit(bootc.Event{Kind: bootc.EventWarning, Op: "disk", Ref: b.ref, Text: p.String()})
		}
	}
	return report.Err()
}

// tool runs the job.
func (b *build) tool(ctx context.Context, j Job) error {
	err := b.runner.Run(ctx, j)
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*ExitError](err); ok {
		return b.watch.failure(e)
	}
	if err != nil {
		return err
	}
	return b.watch.leftOut()
}

// emit tells the caller, one event at a time.
func (b *build) emit(e bootc.Event) {
	b.alive()
	if b.o.OnEvent != nil {
		b.o.OnEvent(e)
	}
}

func (b *build) alive() {
	if b.stall != nil {
		b.stall.Reset(b.o.stall())
	}
}

// cause puts the reason for the end of ctx in the place of what it led to.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && !errors.Is(err, c) {
		return c
	}
	return err
}

// opError says what failed; errors of single operations, such as a pull, and mistakes in fields stay what they are.
func opError(ref string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*bootc.OpError](err); ok {
		return err
	}
	if _, ok := err.(*bootc.FieldError); ok {
		return err
	}
	return &bootc.OpError{Op: "disk", Ref: ref, Err: err}
}
