package sign

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/registry"
)

// The format of signatures in a registry: cosign's specs/SIGNATURE_SPEC.md, and containers/image's
// docker.putSignaturesToSigstoreAttachments.
const (
	layerType     = "application/vnd.dev.cosign.simplesigning.v1+json"
	signatureNote = "dev.cosignproject.cosign/signature"
)

// attempts is how often the signature manifest is written before others who write it too are let win.
const attempts = 6

// maxConfig is the most bytes that the config of a signature manifest has; it lists a digest for each signature.
const maxConfig = 1 << 20

// store is a repository with the way to reach it.
type store struct {
	client     registry.Client
	repository string
}

// attach signs p and its instances.
func (k Keys) attach(ctx context.Context, c registry.Client, p registry.Published, names []string) error {
	if len(names) == 0 {
		names = []string{p.Repository}
	}
	c, done, err := c.Keep()
	if err != nil {
		return err
	}
	defer done()
	s := store{c, p.Repository}
	var digests []digest.Digest
	var there *attachment // of p
	err = together(
		func() (err error) { digests, err = instances(ctx, s, p.Digest); return err },
		func() (err error) { there, err = readAttachment(ctx, s, signatureTag(p.Digest)); return err },
	)
	if err != nil {
		return err
	}
	if len(digests) > 1 {
		there = nil // old, by the time that the instances are signed
	}
	for _, d := range digests {
		if err := k.signManifest(ctx, s, d, names, there); err != nil {
			return fmt.Errorf("manifest %s: %w", d, err)
		}
	}
	return nil
}

// instances returns the digest and, if it is that of an index, those of the index's manifests before it: whoever sees
// the index signed can rely on the rest.
func instances(ctx context.Context, s store, d digest.Digest) ([]digest.Digest, error) {
	m, err := s.client.GetManifest(ctx, s.repository+"@"+d.String())
	if err != nil {
		return nil, err
	}
	if !m.IsIndex() {
		return []digest.Digest{d}, nil
	}
	var index imgspec.Index
	if err := json.Unmarshal(m.Data, &index); err != nil {
		return nil, fmt.Errorf("index %s: %w", d, err)
	}
	var out []digest.Digest
	for _, m := range index.Manifests {
		if err := m.Digest.Validate(); err != nil {
			return nil, fmt.Errorf("index %s: %w", d, err)
		}
		if m.MediaType == imgspec.MediaTypeImageIndex {
			return nil, fmt.Errorf("index %s has the index %s in it, which no device reads", d, m.Digest)
		}
		out = append(out, m.Digest)
	}
	return append(out, d), nil
}

// signManifest adds what is missing to the signatures of one manifest, which are those that are given, or those that it reads
// if that is nil. It ends when a look at the registry finds nothing missing.
func (k Keys) signManifest(ctx context.Context, s store, d digest.Digest, names []string, a *attachment) error {
	tag := signatureTag(d)
	for attempt := range attempts {
		if attempt > 1 { // somebody else is at it: get out of step with them
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(50+rand.IntN(200*attempt)) * time.Millisecond):
			}
		}
		if a == nil || attempt > 0 {
			var err error
			if a, err = readAttachment(ctx, s, tag); err != nil {
				return err
			}
		}
		changed, err := a.add(ctx, k, d, names)
		if err == nil && changed {
			err = a.write(ctx, s)
		}
		if err != nil {
			return fmt.Errorf("tag %s: %w", tag, err)
		}
		if !changed {
			return nil
		}
	}
	return errors.New("others keep writing signatures of the same manifest; try again")
}

// attachment is the signature manifest of one image manifest.
type attachment struct {
	tag      string
	manifest imgspec.Manifest
	messages [][]byte // those that are signed and may not be there
}

func readAttachment(ctx context.Context, s store, tag string) (*attachment, error) {
	list, err := readSignatures(ctx, s.client, s.repository, tag)
	if list.MediaType == "" { // there is none
		list.Versioned, list.MediaType = specs.Versioned{SchemaVersion: 2}, imgspec.MediaTypeImageManifest
	}
	return &attachment{tag: tag, manifest: list}, err
}

// add makes the signatures that are not there.
func (a *attachment) add(ctx context.Context, keys Keys, d digest.Digest, names []string) (changed bool, err error) {
	for _, name := range names {
		message, err := newPayload(name, d)
		if err != nil {
			return false, err
		}
		missing := false
		for _, k := range keys {
			if a.has(k, message) {
				continue
			}
			sig, err := k.signature(ctx, message)
			if err != nil {
				return false, err
			}
			a.manifest.Layers = append(a.manifest.Layers, imgspec.Descriptor{MediaType: layerType, Digest: digest.FromBytes(message), Size: int64(len(message)),
				Annotations: map[string]string{signatureNote: base64.StdEncoding.EncodeToString(sig)}})
			missing = true
		}
		if missing {
			a.messages = append(a.messages, message)
			changed = true
		}
	}
	return changed, nil
}

// has says that there is a good signature of the message by the key.
func (a *attachment) has(k *Key, message []byte) bool {
	want := digest.FromBytes(message)
	for _, l := range a.manifest.Layers {
		if l.MediaType != layerType || l.Digest != want {
			continue
		}
		sig, err := base64.StdEncoding.DecodeString(l.Annotations[signatureNote])
		if err == nil && k.verifies(message, sig) {
			return true
		}
	}
	return false
}

// write stores the manifest, after what was signed and a config that lists the layers, as an image's has to.
func (a *attachment) write(ctx context.Context, s store) error {
	config := imgspec.Image{RootFS: imgspec.RootFS{Type: "layers"}}
	if d := a.manifest.Config.Digest; d != "" { // keep what others wrote there
		b, err := s.client.GetBlob(ctx, s.repository+"@"+d.String(), maxConfig)
		if err != nil {
			return fmt.Errorf("config: %w", err)
		}
		if err := json.Unmarshal(b, &config); err != nil {
			return fmt.Errorf("config: %w", err)
		}
	}
	config.RootFS.DiffIDs = nil
	for _, l := range a.manifest.Layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Digest)
	}
	b, err := json.Marshal(config)
	if err != nil {
		return err
	}
	a.manifest.Config = imgspec.Descriptor{MediaType: imgspec.MediaTypeImageConfig, Digest: digest.FromBytes(b), Size: int64(len(b))}
	if err := a.upload(ctx, s, b); err != nil {
		return err
	}
	b, err = json.Marshal(a.manifest)
	if err != nil {
		return err
	}
	return s.client.PutManifest(ctx, s.repository+":"+a.tag, registry.NewManifest(imgspec.MediaTypeImageManifest, b))
}

// upload sends the blobs that the manifest refers to.
func (a *attachment) upload(ctx context.Context, s store, config []byte) error {
	put := func(mediaType string, data []byte) func() error {
		return func() error {
			_, err := s.client.PutBlob(ctx, s.repository, mediaType, data)
			return err
		}
	}
	puts := []func() error{put(imgspec.MediaTypeImageConfig, config)}
	for _, m := range a.messages {
		puts = append(puts, put(layerType, m))
	}
	return together(puts...)
}
