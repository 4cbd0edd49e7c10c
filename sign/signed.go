package sign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/reference"

	"github.com/bootloom/bootloom/registry"
)

// signed is a manifest in a registry and what is attached to it. It is fetched as containers/image's docker transport does
// for a device, but over the connections and logins that the caller has: a second client would shake hands and ask for a
// token anew.
type signed struct {
	registry.Manifest
	attached []attached
}

// attached is a layer of the signature manifest: a signature, or what else there is; the policy engine tells them apart.
type attached struct {
	mediaType   string
	payload     []byte
	annotations map[string]string
}

// maxAttached is the most bytes that is fetched of what is attached to one manifest. A signature has some 300; containers/image
// takes 4 MiB of each, without a limit for all.
const maxAttached = 32 << 20

// parallel is how many requests are under way at once.
const parallel = 4

// signatureTag is where the signatures of a manifest are.
func signatureTag(d digest.Digest) string { return strings.ReplaceAll(d.String(), ":", "-") + ".sig" }

// fetchSigned returns what named stands for and, if that is an index, its instances after it.
func fetchSigned(ctx context.Context, c registry.Client, named reference.Named) ([]signed, error) {
	top, err := fetchOne(ctx, c, named)
	if err != nil || !top.IsIndex() {
		return []signed{top}, err
	}
	var index imgspec.Index
	if err := json.Unmarshal(top.Data, &index); err != nil {
		return nil, fmt.Errorf("index %s: %w", top.Digest, err)
	}
	out := []signed{top}
	for _, d := range index.Manifests {
		instance, err := reference.WithDigest(reference.TrimNamed(named), d.Digest)
		if err != nil {
			return nil, fmt.Errorf("instance %q of index %s: %w", d.Digest, top.Digest, err)
		}
		s, err := fetchOne(ctx, c, instance)
		if err != nil {
			return nil, fmt.Errorf("instance %s: %w", d.Digest, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func fetchOne(ctx context.Context, c registry.Client, named reference.Named) (s signed, err error) {
	repository := reference.TrimNamed(named).Name()
	var signatures imgspec.Manifest
	read := func() error { return s.manifest(ctx, c, named) }
	find := func(d digest.Digest) (err error) {
		signatures, err = readSignatures(ctx, c, repository, signatureTag(d))
		return err
	}
	if canonical, ok := named.(reference.Canonical); ok {
		err = together(read, func() error { return find(canonical.Digest()) })
	} else if err = read(); err == nil {
		err = find(s.Digest)
	}
	if err != nil {
		return s, err
	}
	s.attached = make([]attached, len(signatures.Layers))
	var fetches []func() error
	left := int64(maxAttached)
	for i, l := range signatures.Layers {
		if left -= l.Size; l.Size < 0 || left < 0 {
			return s, fmt.Errorf("tag %s lists more than %d bytes; signatures have a few hundred each", signatureTag(s.Digest), maxAttached)
		}
		s.attached[i] = attached{mediaType: l.MediaType, annotations: l.Annotations}
		fetches = append(fetches, func() (err error) {
			s.attached[i].payload, err = c.GetBlob(ctx, repository+"@"+l.Digest.String(), l.Size)
			return err
		})
	}
	return s, together(fetches...)
}

func (s *signed) manifest(ctx context.Context, c registry.Client, named reference.Named) (err error) {
	s.Manifest, err = c.GetManifest(ctx, named.String())
	if errors.Is(err, registry.ErrDigestMismatch) {
		return &rejection{[]error{ErrDigestMismatch}, err}
	}
	return err
}

// readSignatures returns the manifest at the tag of signatures, an empty one if there is none.
func readSignatures(ctx context.Context, c registry.Client, repository, tag string) (list imgspec.Manifest, err error) {
	m, err := c.GetManifest(ctx, repository+":"+tag)
	if errors.Is(err, registry.ErrNotFound) {
		return list, nil
	}
	if err == nil && m.MediaType != imgspec.MediaTypeImageManifest {
		err = fmt.Errorf("it is a %s, and devices read signatures from an OCI image manifest alone; delete it", m.MediaType)
	}
	if err == nil {
		err = json.Unmarshal(m.Data, &list)
	}
	if err != nil {
		err = fmt.Errorf("tag %s: %w", tag, err)
	}
	return list, err
}

// together does several things that wait for a registry at once, and returns the first error in their order.
func together(do ...func() error) error {
	errs := make([]error, len(do))
	slots := make(chan struct{}, parallel)
	var work sync.WaitGroup
	for i, f := range do {
		slots <- struct{}{}
		work.Go(func() {
			errs[i] = f()
			<-slots
		})
	}
	work.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
