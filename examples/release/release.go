package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/registry"
)

// Release makes sure that an OS image and a disk image of it are published and signed. Run may be called again, on any
// machine, after whatever ended it: it finds what is published and does the rest.
//
// What is published is found in the registry alone. Both manifests have an annotation with the identity of what they were
// made from, and count only under a signature of ours, because anyone who can push can write an annotation. A tag is set last,
// so one that is there with the right identity means that all before it was done. Without the tag:
//
//   - the OS image is built again, which gives the same digest and is mostly in the engine's cache; no blob is sent twice;
//   - the disk would not come out the same again, and takes minutes. One that was finished waits in Dir, and one that was
//     signed is found from the OS image that it names, and fetched.
type Release struct {
	Client registry.Client
	Engine bootc.Engine
	Signer registry.Signer
	// Spec of the OS image, and what to build it with; OnEvent is told everything from here on.
	Spec  bootc.Spec
	Build bootc.BuildOptions
	// Repository gets both images, the OS image as Tag and the disk as Tag-FORMAT.
	Repository, Tag string
	// Disk says how the disk is made.
	Disk Recipe
	// Dir keeps a disk that is made and not yet published.
	Dir string
}

// Recipe makes disks of published OS images.
type Recipe struct {
	Format diskimage.Format
	// ID tells this way of making a disk from others.
	ID string
	// Make makes the disk of an image for a platform.
	Make func(ctx context.Context, image registry.Published, platform, file string, on func(bootc.Event)) (diskimage.Disk, error)
}

// Result is what is published after a run.
type Result struct {
	Image, Disk registry.Published
}

// identity is the annotation that says what a published image was made from.
const identity = "io.github.bootloom.release"

// ErrTagTaken is why a release is refused whose tag another one has.
var ErrTagTaken = errors.New("the tag is that of another release")

// Run does what is missing.
func (r Release) Run(ctx context.Context) (Result, error) {
	on := r.Build.OnEvent
	r.Client.OnEvent = on
	if r.Build.Platform == "" {
		r.Build.Platform = host
	}
	var (
		out Result
		err error
	)
	if out.Image, err = r.image(ctx); err != nil {
		return out, err
	}
	out.Disk, err = r.disk(ctx, out.Image)
	return out, err
}

func (r Release) image(ctx context.Context) (registry.Published, error) {
	base, err := r.Engine.Inspect(ctx, r.Spec.Base, r.Build)
	if err != nil {
		return registry.Published{}, err
	}
	plan, err := r.Spec.Compile(base)
	if err != nil {
		return registry.Published{}, err
	}
	// The Spec has the digests of all content. The values of secrets are not in it: who changes one, changes the tag.
	id := identify(plan.Spec.String(), base.Digest.String(), plan.Containerfile.String(), plan.Epoch.String(), r.Build.Platform)
	if p, err := r.published(ctx, r.Tag, id); err != nil || p.Digest != "" {
		return p, err
	}
	plan.Annotations = with(plan.Annotations, id)
	image, err := r.Engine.Build(ctx, plan, r.Build)
	if err != nil {
		return registry.Published{}, err
	}
	return r.Client.Publish(ctx, image, r.Repository, registry.PublishOptions{Tags: []string{r.Tag}, Signer: r.Signer})
}

func (r Release) disk(ctx context.Context, image registry.Published) (registry.Published, error) {
	id := identify(image.Digest.String(), r.Build.Platform, string(r.Disk.Format), r.Disk.ID)
	tag := r.Tag + "-" + string(r.Disk.Format)
	if p, err := r.published(ctx, tag, id); err != nil || p.Digest != "" {
		return p, err
	}
	shelf := shelf{r.Dir, id}
	disk, ok, err := shelf.take()
	if err == nil && !ok {
		disk, ok, err = r.signed(ctx, image, tag, id, shelf)
	}
	if err == nil && !ok {
		disk, err = r.makeDisk(ctx, image, shelf)
	}
	if err != nil {
		return registry.Published{}, err
	}
	p, err := diskimage.Publish(ctx, r.Client, disk, r.Repository, diskimage.PublishOptions{
		PublishOptions: registry.PublishOptions{Tags: []string{tag}, Signer: r.Signer},
		Annotations:    map[string]string{identity: id},
	})
	if err != nil {
		return p, err
	}
	return p, shelf.clear()
}

// makeDisk makes the disk from what is published, and puts it where another run finds it.
func (r Release) makeDisk(ctx context.Context, image registry.Published, s shelf) (diskimage.Disk, error) {
	file, err := s.file("disk" + "." + string(r.Disk.Format))
	if err != nil {
		return diskimage.Disk{}, err
	}
	disk, err := r.Disk.Make(ctx, image, r.Build.Platform, file, r.Build.OnEvent)
	if err != nil {
		return disk, err
	}
	return disk, s.put(disk)
}

// published returns what a tag points at, if it is what id stands for and signed by us; nothing if there is no such tag.
func (r Release) published(ctx context.Context, tag, id string) (registry.Published, error) {
	ref := r.Repository + ":" + tag
	top, err := r.Client.Resolve(ctx, ref, "")
	if errors.Is(err, registry.ErrNotFound) {
		return registry.Published{}, nil
	}
	if err != nil {
		return registry.Published{}, err
	}
	p := registry.Published{Repository: r.Repository, Digest: top.Digest, MediaType: top.MediaType, Tags: []string{tag}}
	info, err := r.Client.Artifact(ctx, p.Reference(), r.Build.Platform) // reads images as well
	if err != nil {
		return registry.Published{}, err
	}
	if has := info.Annotations[identity]; has != id {
		return registry.Published{}, fmt.Errorf("%s: %w: it was made from %q, and this is %s; publish under another tag", ref, ErrTagTaken, has, id)
	}
	if err := r.Signer.Verify(ctx, r.Client, p, []string{ref}); err != nil {
		return registry.Published{}, err
	}
	r.tell(bootc.Event{Kind: bootc.EventDone, Op: "release", Ref: ref, Cached: true, Text: "is published"})
	return p, nil
}

// signed looks for a disk that was signed and has no tag, and fetches it.
func (r Release) signed(ctx context.Context, image registry.Published, tag, id string, s shelf) (diskimage.Disk, bool, error) {
	found, err := diskimage.Find(ctx, r.Client, image.Reference(), r.Build.Platform)
	if err != nil {
		return diskimage.Disk{}, false, err
	}
	for _, f := range found {
		if f.Annotations[identity] != id || f.Format != r.Disk.Format {
			continue
		}
		ours := registry.Published{Repository: f.Repository, Digest: f.Digest, MediaType: f.MediaType}
		if r.Signer.Verify(ctx, r.Client, ours, []string{r.Repository + ":" + tag}) != nil {
			continue // whoever pushed it, we did not get as far as signing it
		}
		file, err := s.file("pulled")
		if err != nil {
			return diskimage.Disk{}, false, err
		}
		disk, err := diskimage.Pull(ctx, r.Client, f.Reference(), file, diskimage.PullOptions{Unverified: true}) // has just been verified
		if err != nil {
			return diskimage.Disk{}, false, err
		}
		disk.Platform = r.Build.Platform
		return disk, true, s.put(disk)
	}
	return diskimage.Disk{}, false, nil
}

func (r Release) tell(e bootc.Event) {
	if r.Build.OnEvent != nil {
		r.Build.OnEvent(e)
	}
}

// identify is the identity of something made from parts.
func identify(parts ...string) string { return digest.FromString(strings.Join(parts, "\x00")).String() }

func with(annotations map[string]string, id string) map[string]string {
	out := map[string]string{identity: id}
	maps.Copy(out, annotations)
	return out
}
