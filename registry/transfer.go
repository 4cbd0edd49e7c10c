package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// parallel is how many blobs are on their way at once.
const parallel = 4

// transfer copies images to one repository. What it copies it leaves byte for byte as it is.
type transfer struct {
	session  *session
	from     source
	mount    func(context.Context) *repo // a repository that is likely to have the blobs, or nil
	to       *repo
	uploaded atomic.Int64

	referrers []Manifest // those that have a subject
	blind     bool       // sends blobs without asking whether they are there

	mu   sync.Mutex
	done map[digest.Digest]bool // blobs, over all instances of an index
}

// children are what a manifest refers to, after the check that they can be asked for.
func children(m Manifest) (manifests, blobs []v1.Descriptor, err error) {
	var c struct {
		Manifests []v1.Descriptor `json:"manifests"`
		Config    v1.Descriptor   `json:"config"`
		Layers    []v1.Descriptor `json:"layers"`
	}
	if err := json.Unmarshal(m.Data, &c); err != nil {
		return nil, nil, final("manifest %s: %w", m.Digest, err)
	}
	if m.IsIndex() {
		manifests = c.Manifests
	} else {
		blobs = append([]v1.Descriptor{c.Config}, c.Layers...)
	}
	for _, d := range slices.Concat(manifests, blobs) {
		if err := d.Digest.Validate(); err != nil || d.Size < 0 {
			return nil, nil, final("manifest %s lists %q with size %d: no digest or size", m.Digest, clip(d.Digest.String()), d.Size)
		}
	}
	return manifests, blobs, nil
}

// descriptor returns one for a digest of which nothing else is known.
func descriptor(target string) (v1.Descriptor, error) {
	d, err := digest.Parse(target)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("%w: %q is not a digest: want sha256: and 64 hexadecimal digits", ErrInvalidReference, clip(target))
	}
	return v1.Descriptor{Digest: d}, nil
}

// image copies a manifest with all it refers to, and the manifest itself last, by digest.
func (t *transfer) image(ctx context.Context, m Manifest, depth int) error {
	if depth > 4 {
		return final("indexes nested deeper than %d", depth-1)
	}
	manifests, blobs, err := children(m)
	if err != nil {
		return err
	}
	for _, d := range manifests {
		child, err := t.from.manifest(ctx, d.Digest.String())
		if err != nil {
			return fmt.Errorf("instance %s of %s: %w", d.Digest, m.Digest, err)
		}
		if err := t.image(ctx, child, depth+1); err != nil {
			return err
		}
	}
	before := t.uploaded.Load()
	asking, stop := context.WithCancel(ctx)
	has := sync.OnceValues(func() (bool, error) { return t.to.hasManifest(asking, m.Digest.String()) })
	go has()
	defer func() {
		stop()
		has() // nothing happens after the return
	}()
	if err := each(ctx, blobs, t.blob); err != nil {
		return err
	}
	if m.subject() != "" {
		t.referrers = append(t.referrers, m)
	}
	if has, err := has(); err != nil || has && t.uploaded.Load() == before {
		return err // that it had the manifest says nothing if it lacked blobs
	}
	return t.to.putManifest(ctx, "push", m.Digest.String(), m)
}

// blob copies a blob unless the destination has it.
func (t *transfer) blob(ctx context.Context, d v1.Descriptor) error {
	t.mu.Lock()
	first := !t.done[d.Digest]
	t.done[d.Digest] = true
	t.mu.Unlock()
	if !first {
		return nil
	}
	s := t.session
	event := bootc.Event{Kind: bootc.EventStart, Op: "push", Ref: d.Digest.String(), Total: d.Size}
	s.emit(event)
	err := s.retry(ctx, "push", d.Digest.String(), t.to, func(ctx context.Context) error {
		event.Cached, event.Text = true, "is there"
		if !t.blind {
			if has, err := t.to.hasBlob(ctx, d); has || err != nil {
				return err
			}
		}
		from := ""
		if m := t.mount(ctx); m != nil && m.ref.host == t.to.ref.host && m.ref.path != t.to.ref.path {
			from = m.ref.path
		}
		event.Text = "mounted from " + from
		where, mounted, err := t.to.startUpload(ctx, d, from)
		if mounted || err != nil {
			return err
		}
		event.Cached, event.Text = false, ""
		if d.Size > largeBlob {
			err := t.large(ctx, where, d)
			if err == nil {
				t.uploaded.Add(d.Size)
			}
			if !errors.Is(err, errNoChunks) {
				return err
			}
			if where, _, err = t.to.startUpload(ctx, d, ""); err != nil {
				return err
			}
		}
		reading, stop := context.WithCancel(ctx) // ends with the body, before the request does
		defer stop()
		r, err := t.from.blob(reading, d, 0)
		if errors.Is(err, ErrNotFound) && notForDistribution(d) {
			return nil // such layers stay where their URLs say
		}
		if err != nil {
			return final("%w", err) // what may pass was tried again by the source
		}
		defer r.Close()
		in := &metered{Reader: verify(r, d), session: s, op: "push", digest: d.Digest, size: d.Size}
		if err := t.to.finishUpload(ctx, where, d, &body{Reader: in, stop: stop}); err != nil {
			return err
		}
		t.uploaded.Add(d.Size)
		return nil
	})
	if err != nil {
		return fmt.Errorf("blob %s: %w", d.Digest, err)
	}
	event.Kind, event.Bytes = bootc.EventDone, d.Size
	s.emit(event)
	return nil
}

// notForDistribution says whether registries need not have a layer (image-spec 1.1, "Non-Distributable Layers").
func notForDistribution(d v1.Descriptor) bool {
	return len(d.URLs) > 0 && (strings.Contains(d.MediaType, "nondistributable") || strings.Contains(d.MediaType, "foreign"))
}

// each calls f for all items, several at once. It returns when all calls have ended, with the first error, which
// cancels the rest.
func each[T any](ctx context.Context, items []T, f func(context.Context, T) error) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
		slots = make(chan struct{}, parallel)
	)
	for _, item := range items {
		select {
		case slots <- struct{}{}:
		case <-inner.Done():
		}
		if inner.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := f(inner, item); err != nil {
				once.Do(func() { first = err })
				cancel()
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return ended(ctx)
	}
	return first
}

// readBlob fetches and checks a small blob.
func readBlob(ctx context.Context, from source, d v1.Descriptor, most int64) ([]byte, error) {
	if d.Size > most {
		return nil, final("%s has %d bytes, more than %d", d.Digest, d.Size, most)
	}
	r, err := from.blob(ctx, d, 0)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(verify(r, d))
}
