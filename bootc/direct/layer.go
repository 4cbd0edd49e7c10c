package direct

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// layer is a layer to be written: a tar that says everything about the directories that it passes through.
type layer struct {
	archive bootc.Archive
	text    string // of the step
	step    int
	diffID  digest.Digest
	blob    v1.Descriptor
	done    bool // the blob was here before
}

// lay makes the entries of one layer: those of a step, and the directories above them. own are the directories that
// the plan itself has put into the image so far.
func (g *ground) lay(entries []bootc.Entry, own map[string]dir, epoch time.Time) (bootc.Archive, error) {
	out := bootc.Archive{Epoch: epoch}
	done := map[string]bool{}
	add := func(e bootc.Entry) {
		if !done[e.Path] {
			done[e.Path] = true
			out.Entries = append(out.Entries, e)
		}
	}
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b bootc.Entry) int { return strings.Compare(a.Path, b.Path) })
	for _, e := range sorted { // so that no entry finds an old idea of its directory
		if e.Mode.IsDir() {
			own[e.Path[1:]] = dir{e.Path[1:], e.Mode, e.UID, e.GID}
		}
	}
	for _, e := range sorted {
		name, parents, err := g.parents(e.Path[1:], own)
		if err != nil {
			return out, &bootc.FieldError{Path: strings.Join(e.Features, "+"), Err: fmt.Errorf("%s: %w", e.Path, err)}
		}
		for _, d := range parents {
			add(bootc.Entry{Path: "/" + d.path, Mode: d.mode, UID: d.uid, GID: d.gid})
		}
		e.Path = "/" + name
		add(e)
	}
	slices.SortStableFunc(out.Entries, func(a, b bootc.Entry) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// sum finds out the layer's diff id, and whether its blob is here.
func (e *Engine) sum(ctx context.Context, l *layer) error {
	sum := digest.Canonical.Digester()
	if _, err := l.archive.WriteTo(&writer{ctx, sum.Hash()}); err != nil {
		return err
	}
	l.diffID = sum.Digest()
	l.blob, l.done = e.blobs.Find(e.o.Compression, l.diffID)
	return nil
}

// write compresses a layer whose blob is not here.
func (e *Engine) write(ctx context.Context, l *layer) error {
	if l.done {
		return nil
	}
	r, w := io.Pipe()
	check := digest.Canonical.Digester()
	go func() {
		_, err := l.archive.WriteTo(&writer{ctx, io.MultiWriter(w, check.Hash())})
		w.CloseWithError(err)
	}()
	var err error
	if l.blob, err = e.blobs.Compress(e.o.Compression, r); err != nil {
		r.CloseWithError(err)
		return err
	}
	if check.Digest() != l.diffID {
		return errors.New("a file changed while it was read")
	}
	return e.blobs.Remember(e.o.Compression, l.diffID, l.blob)
}

// writer fails once its context is done.
type writer struct {
	ctx context.Context
	w   io.Writer
}

func (w *writer) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.w.Write(p)
}

// withSecret gives the one entry of an action its content.
func withSecret(entries []bootc.Entry, value []byte) []bootc.Entry {
	e := entries[0]
	e.Mode &^= fs.ModeType
	e.Content = bootc.Bytes(value)
	return []bootc.Entry{e}
}
