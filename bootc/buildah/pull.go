//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"go.podman.io/common/pkg/retry"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/signature"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"

	"github.com/bootloom/bootloom/bootc"
)

// pulled is an image in the store.
type pulled struct {
	ID       string
	Name     string // in the store, for FROM
	Ref      string
	Digest   digest.Digest // of the manifest for the platform
	Manifest []byte        // as the source has it
	Type     string
	Config   []byte
	Location string // where its blobs are as the manifest lists them; empty if nowhere
}

const (
	baseName  = "localhost/bootloom-base"  // tag: digest of the manifest
	aliasName = "localhost/bootloom-alias" // tag: hash of reference, platform and policy
)

// pull brings an image into the store, unless it is there and may be used, and checks it against the policy.
func (w *worker) pull(ctx context.Context, ref string) (*pulled, error) {
	var p *pulled
	err := retry.IfNecessary(ctx, func() (err error) {
		p, err = w.fetch(ctx, ref)
		return err
	}, &retry.Options{MaxRetry: w.Registry.Retries})
	if err != nil {
		return nil, &bootc.OpError{Op: "pull", Ref: ref, Err: err}
	}
	return p, nil
}

func (w *worker) fetch(ctx context.Context, ref string) (*pulled, error) {
	if name, ok := strings.CutPrefix(ref, "containers-storage:"); ok {
		return w.stored(name, ref)
	}
	source, err := parseRef(ref)
	if err != nil {
		return nil, err
	}
	alias := w.alias(ref)
	if w.Pull == bootc.PullNever || w.Pull == bootc.PullMissing && pinned(source) {
		p, err := w.known(alias, source, ref)
		if err == nil || !errors.Is(err, storage.ErrImageUnknown) {
			return p, err
		}
		if w.Pull == bootc.PullNever {
			return nil, bootc.ErrNotPulled
		}
	}
	sys := w.system()
	src, instance, err := w.accepted(ctx, source, sys)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	raw, _, err := src.GetManifest(ctx, instance)
	if err != nil {
		return nil, err
	}
	d, err := manifest.Digest(raw)
	if err != nil {
		return nil, err
	}
	name := baseName + ":" + d.Encoded()
	if _, err := w.store.Image(name); err != nil || w.Pull == bootc.PullAlways {
		dest, err := istorage.Transport.ParseStoreReference(w.store, name)
		if err != nil {
			return nil, err
		}
		from := source
		if instance != nil && source.Transport().Name() == docker.Transport.Name() {
			// By digest, for a tag may move while it is pulled.
			named, err := reference.WithDigest(reference.TrimNamed(source.DockerReference()), d)
			if err != nil {
				return nil, err
			}
			if from, err = docker.NewReference(named); err != nil {
				return nil, err
			}
		}
		w.emit(bootc.Event{Kind: bootc.EventStart, Op: "pull", Ref: ref, Platform: w.Platform})
		if err := w.copyBase(ctx, dest, from, sys, d); err != nil {
			return nil, err
		}
		w.emit(bootc.Event{Kind: bootc.EventDone, Op: "pull", Ref: ref, Platform: w.Platform})
	}
	img, err := w.store.Image(name)
	if err != nil {
		return nil, err
	}
	aliases := []string{alias}
	if named := source.DockerReference(); named != nil && source.Transport().Name() == docker.Transport.Name() {
		aliases = append(aliases, w.alias(reference.TrimNamed(named).String()+"@"+d.String()))
	}
	if err := w.store.AddNames(img.ID, aliases); err != nil {
		return nil, err
	}
	return w.load(img, d, name, ref, source)
}

// accepted opens an image, at its instance for the platform, that the policy accepts.
func (w *worker) accepted(ctx context.Context, source types.ImageReference, sys *types.SystemContext) (_ types.ImageSource, instance *digest.Digest, err error) {
	src, err := source.NewImageSource(ctx, sys)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			src.Close()
		}
	}()
	if instance, err = instanceOf(ctx, src, sys); err != nil {
		return nil, nil, err
	}
	policy, err := signature.NewPolicyFromFile(sys.SignaturePolicyPath)
	if err != nil {
		return nil, nil, fmt.Errorf("Options.Policy: %w", err)
	}
	pc, err := signature.NewPolicyContext(policy)
	if err != nil {
		return nil, nil, fmt.Errorf("Options.Policy: %w", err)
	}
	defer pc.Destroy()
	if ok, err := pc.IsRunningImageAllowed(ctx, image.UnparsedInstance(src, instance)); !ok {
		return nil, nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return src, instance, nil
}

// verify runs in the worker: it asks the policy about an image, and fetches nothing else of it.
func (w *worker) verify(ctx context.Context) error {
	source, err := parseRef(w.Ref)
	if err != nil {
		return err
	}
	src, _, err := w.accepted(ctx, source, w.system())
	if err != nil {
		return &bootc.OpError{Op: "verify", Ref: w.Ref, Err: err}
	}
	return src.Close()
}

// copyBase copies without changing a byte of the manifest. The policy has been asked about the reference as the
// caller has it, so a repeated question about the digest must not have another answer.
func (w *worker) copyBase(ctx context.Context, dest, from types.ImageReference, sys *types.SystemContext, want digest.Digest) error {
	accept, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	if err != nil {
		return err
	}
	defer accept.Destroy()
	progress := make(chan types.ProgressProperties)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for p := range progress {
			e := bootc.Event{Kind: bootc.EventProgress, Op: "pull", Ref: p.Artifact.Digest.String(), Platform: w.Platform,
				Bytes: int64(p.Offset), Total: p.Artifact.Size}
			if p.Event == types.ProgressEventDone || p.Event == types.ProgressEventSkipped {
				e.Bytes = p.Artifact.Size
			}
			w.emit(e)
		}
	}()
	raw, err := copy.Image(ctx, accept, dest, from, &copy.Options{
		SourceCtx:        sys,
		DestinationCtx:   sys,
		PreserveDigests:  true,
		RemoveSignatures: true,
		Progress:         progress,
		ProgressInterval: 200 * time.Millisecond,
	})
	close(progress)
	<-done
	if err != nil {
		return err
	}
	if d, err := manifest.Digest(raw); err != nil || d != want {
		return fmt.Errorf("pulled manifest %s where %s was expected: the image changed meanwhile, try again", d, want)
	}
	return nil
}

// instanceOf picks the manifest for the platform; nil if the source has only one.
func instanceOf(ctx context.Context, src types.ImageSource, sys *types.SystemContext) (*digest.Digest, error) {
	raw, kind, err := src.GetManifest(ctx, nil)
	if err != nil {
		return nil, err
	}
	if kind == "" {
		kind = manifest.GuessMIMEType(raw)
	}
	if !manifest.MIMETypeIsMultiImage(kind) {
		return nil, nil
	}
	list, err := manifest.ListFromBlob(raw, kind)
	if err != nil {
		return nil, err
	}
	d, err := list.ChooseInstance(sys)
	if err != nil {
		return nil, err
	}
	return &d, nil
}
