package diskimage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// Verifier is what must accept a disk before it is fetched. A sign.DevicePolicy is one.
type Verifier interface {
	// Verify fails unless the image or artifact ref, repository@digest, is signed by someone trusted.
	Verify(ctx context.Context, client registry.Client, ref string) error
}

// PullOptions are the options of Pull.
type PullOptions struct {
	// Platform is os/arch[/variant]; empty for linux on this host's architecture, or for the only disk that there is.
	Platform string
	// Policy must accept the disk before anything of it is fetched; without one Pull refuses, unless Unverified.
	Policy Verifier
	// Unverified pulls a disk that anyone may have made.
	Unverified bool
}

// ErrNoPolicy is why Pull refuses when PullOptions has neither Policy nor Unverified.
var ErrNoPolicy = errors.New("no Policy: nothing says who made the disk (Unverified pulls it all the same)")

// ErrNotDisk is in the chain of the error about an artifact that is not a disk image.
var ErrNotDisk = errors.New("not a disk image")

// Pull fetches a published disk into a directory, under the name that it was published with: the tag is looked up, the
// Policy asked about what it points at, and exactly that is fetched and compared with its digest. A file that is there
// already is not fetched again, and long runs of zeros take no room.
//
// It reads artifacts, also those of Flight Control's image builder and of the podman commands in its guide. A containerDisk
// is for KubeVirt to pull: ErrNotDisk.
func Pull(ctx context.Context, client registry.Client, reference, dir string, o PullOptions) (Disk, error) {
	d, err := pull(ctx, client, reference, dir, o)
	if err != nil {
		return Disk{}, &bootc.OpError{Op: "pull", Ref: reference, Err: err}
	}
	return d, nil
}

func pull(ctx context.Context, client registry.Client, reference, dir string, o PullOptions) (d Disk, err error) {
	if o.Policy == nil && !o.Unverified {
		return d, ErrNoPolicy
	}
	if o.Policy != nil && o.Unverified {
		return d, errors.New("both Policy and Unverified: set one of them")
	}
	top, err := client.Resolve(ctx, reference, "")
	if err != nil {
		return d, err
	}
	exact := at(reference, top.Digest)
	if o.Policy != nil {
		if err := o.Policy.Verify(ctx, client, exact); err != nil {
			return d, err
		}
	}
	info, err := client.Artifact(ctx, exact, o.Platform)
	if err != nil {
		return d, err
	}
	format, encoding, ok := fromType(info.Type)
	if !ok || len(info.Files) != 1 {
		return d, fmt.Errorf("%w: a %s of %d files", ErrNotDisk, info.Type, len(info.Files))
	}
	if f := Format(info.Annotations[AnnotationFormat]); f.kind() == format.kind() {
		format = f
	}
	pulled, err := client.PullArtifact(ctx, info.Reference(), dir, registry.PullOptions{})
	if err != nil {
		return d, err
	}
	f := pulled.Files[0]
	return Disk{
		Path: f.Path, Format: format, Encoding: encoding, Size: f.Size, Digest: f.Digest,
		Source: info.Annotations[AnnotationSource], Platform: info.Platform,
	}, nil
}

// Found is a published disk of an OS image.
type Found struct {
	registry.Referrer
	Format   Format
	Encoding string
}

// Find lists the disks in an OS image's repository that name it as their subject. image is repository@digest or
// repository:tag; of an index it is the image for the platform, os/arch[/variant]. Anyone who can push can add to the list:
// whether a disk is signed is for package sign to say, or for Pull.
func Find(ctx context.Context, client registry.Client, image, platform string) ([]Found, error) {
	of, err := client.Resolve(ctx, image, platform)
	if err != nil {
		return nil, err
	}
	list, err := client.Referrers(ctx, at(image, of.Digest), "")
	if err != nil {
		return nil, err
	}
	var found []Found
	for _, r := range list {
		if format, encoding, ok := fromType(r.Type); ok {
			if f := Format(r.Annotations[AnnotationFormat]); f.kind() == format.kind() {
				format = f
			}
			found = append(found, Found{r, format, encoding})
		}
	}
	return found, nil
}

// at is a reference's repository with another digest.
func at(reference string, d digest.Digest) string {
	repository, _, _ := strings.Cut(reference, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository = repository[:i]
	}
	return repository + "@" + d.String()
}
