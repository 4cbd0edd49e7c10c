package diskimage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// PublishOptions are the options of Publish.
type PublishOptions struct {
	// Tags, Signer and Unsigned are as for an OS image. The Signer is best the same one.
	registry.PublishOptions
	// Shape of what is published; empty for an artifact.
	Shape Shape
	// FlightCtl publishes as the image builder of Flight Control does, where it looks for exports: one manifest of type
	// application/vnd.FORMAT without an index, whose file claims to be a layer. It knows qcow2, vmdk, iso and a containerDisk,
	// and wants the repository of the OS image.
	FlightCtl bool
	// Title is the name of the file for whoever pulls it; empty for the last element of Disk.Path. A containerDisk has
	// the name that KubeVirt wants.
	Title string
	// Annotations of the manifest, beside those that say what the disk is.
	Annotations map[string]string
}

// Shape is how a disk image stands in a registry.
type Shape string

// The shapes.
const (
	// Artifact is an OCI artifact of the type Disk.ArtifactType, in an index that has its platform.
	Artifact Shape = "artifact"
	// ContainerDisk is an image that KubeVirt and OpenShift Virtualization boot a machine from: one layer with
	// /disk/disk.qcow2 or /disk/disk.img, which is owned by 107:107 and has mode 0440.
	ContainerDisk Shape = "containerdisk"
)

// Annotations of a published disk.
const (
	// AnnotationFormat is the Format, which the artifact's type does not always tell.
	AnnotationFormat = "io.github.bootloom.disk.format"
	// AnnotationSource is Disk.Source.
	AnnotationSource = "io.github.bootloom.disk.source"
)

// Publish brings a disk image to a registry in the order of registry.Client.Publish: it is pushed by digest, signed,
// verified, and tagged last. The file is read where it is and sent in chunks: it takes no memory and no second copy, and a
// broken connection costs little. What the registry has is not sent again.
//
// Its subject is the OS image that it was made from, for the disk's platform: Find and every program that lists referrers
// finds it there, if repository is the one of the OS image.
//
// Mistakes are *bootc.FieldError, found before anything is sent.
func Publish(ctx context.Context, client registry.Client, d Disk, repository string, o PublishOptions) (registry.Published, error) {
	return publish(ctx, client, []Disk{d}, repository, o, o.Shape != ContainerDisk && !o.FlightCtl)
}

// PublishIndex publishes disks of several platforms or formats under one name, an OCI index in the order given.
func PublishIndex(ctx context.Context, client registry.Client, disks []Disk, repository string, o PublishOptions) (registry.Published, error) {
	return publish(ctx, client, disks, repository, o, true)
}

func publish(ctx context.Context, client registry.Client, disks []Disk, repository string, o PublishOptions, indexed bool) (registry.Published, error) {
	var errs []error
	if o.FlightCtl && indexed {
		errs = append(errs, bootc.Errorf("FlightCtl", "has no index: Flight Control looks for one manifest"))
	}
	if !slices.Contains([]Shape{"", Artifact, ContainerDisk}, o.Shape) {
		errs = append(errs, bootc.Errorf("Shape", "%q: want %q or %q", o.Shape, Artifact, ContainerDisk))
	}
	for i, d := range disks {
		name := "Disk"
		if indexed && len(disks) > 1 {
			name = fmt.Sprintf("Disks[%d]", i)
		}
		errs = append(errs, d.check(name, o)...)
	}
	if err := errors.Join(errs...); err != nil {
		return registry.Published{}, &bootc.OpError{Op: "publish", Ref: repository, Err: err}
	}
	var artifacts []registry.Artifact
	for _, d := range disks {
		a, err := d.artifact(ctx, client, o)
		if err != nil {
			return registry.Published{}, &bootc.OpError{Op: "publish", Ref: d.Path, Err: err}
		}
		artifacts = append(artifacts, a)
	}
	if indexed {
		return client.PublishArtifactIndex(ctx, artifacts, repository, o.PublishOptions)
	}
	return client.PublishArtifact(ctx, artifacts[0], repository, o.PublishOptions)
}

// check finds what is wrong with a disk.
func (d Disk) check(name string, o PublishOptions) (errs []error) {
	add := func(field, format string, args ...any) {
		errs = append(errs, bootc.Errorf(name+"."+field, format, args...))
	}
	if d.Format.kind() == "" {
		add("Format", "%q is not a format", d.Format)
	}
	if d.Encoding != "" && !slices.Contains(encodings, d.Encoding) {
		add("Encoding", "%q: want gzip or zstd, or nothing", d.Encoding)
	}
	if d.Platform == "" {
		add("Platform", "is empty: want os/arch, such as linux/amd64")
	}
	if o.FlightCtl && (!slices.Contains([]string{"qcow2", "vmdk", "iso"}, d.Format.kind()) || d.Encoding != "") {
		add("Format", "%s%s: Flight Control knows qcow2, vmdk and iso, not compressed", d.Format, d.Encoding)
	}
	if o.Shape == ContainerDisk {
		errs = append(errs, d.checkContainerDisk(name)...)
	}
	info, err := os.Stat(d.Path)
	switch {
	case err != nil:
		add("Path", "%w", err)
	case !info.Mode().IsRegular():
		add("Path", "%s is not a regular file", d.Path)
	case d.Digest != "" && info.Size() != d.Size:
		add("Size", "is %d, but %s has %d bytes: it has changed since", d.Size, d.Path, info.Size())
	}
	return errs
}

// artifact is the disk as the registry gets it.
func (d Disk) artifact(ctx context.Context, client registry.Client, o PublishOptions) (registry.Artifact, error) {
	a := registry.Artifact{Type: d.ArtifactType(), Platform: d.Platform, Annotations: map[string]string{AnnotationFormat: string(d.Format)}}
	if d.Source != "" {
		a.Annotations[AnnotationSource] = d.Source
		of, err := client.Resolve(ctx, d.Source, d.Platform)
		if err != nil {
			return a, fmt.Errorf("the OS image of the disk: %w", err)
		}
		a.Subject = at(d.Source, of.Digest)
	}
	maps.Copy(a.Annotations, o.Annotations)
	if o.Shape == ContainerDisk {
		return d.containerDisk(ctx, client, a, o)
	}
	f := registry.File{Path: d.Path, Title: o.Title, MediaType: a.Type, Digest: d.Digest, Size: d.Size}
	if o.FlightCtl { // its internal/imagebuilder_worker/tasks/imageexport.go
		a.Type = "application/vnd." + d.Format.kind()
		a.Annotations[v1.AnnotationTitle] = f.Name()
		f.MediaType = v1.MediaTypeImageLayer
	}
	a.Files = []registry.File{f}
	return a, nil
}
