package diskimage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// image is one that the container store of the run gets.
type image struct {
	name string        // there
	img  bootc.Image   // where it is, and its digest
	info registry.Info // what its place says
}

// inspect looks at the images where they are, before any tool runs: they exist, are bootable ones, and for one platform. It
// completes the Spec's Platform.
func (b *build) inspect(ctx context.Context) ([]image, error) {
	s := &b.spec
	if s.Source.LiveHostStore != "" {
		if s.Platform == "" {
			s.Platform = "linux/" + s.arch()
		}
		b.source = s.Source.LiveHostStore
		return nil, nil
	}
	main, err := b.look(ctx, s.Source, s.Follow)
	if err != nil {
		return nil, err
	}
	if s.Platform = main.info.Platform; s.Platform == "" {
		return nil, fmt.Errorf("%w: the image's config names no platform", ErrPlatform)
	}
	if err := s.checkPlatform(); err != nil {
		return nil, err
	}
	if err := s.checkDefaultRoot(main.info); err != nil {
		return nil, err
	}
	digest := main.info.Index
	if digest == "" {
		digest = main.info.Digest
	}
	b.source = cmp.Or(main.info.Repository, main.img.Location) + "@" + digest.String()
	images := []image{main}
	for _, other := range []Source{s.Installer.Image, s.BuildRoot} {
		if other.isZero() {
			continue
		}
		i, err := b.look(ctx, other, "")
		if err != nil {
			return nil, err
		}
		same := func(x image) bool { return x.name == i.name }
		if n := slices.IndexFunc(images, same); n < 0 {
			images = append(images, i)
		} else if images[n].info.Digest != i.info.Digest {
			return nil, fmt.Errorf("two images have the name %s: give each reference its own tag, or set Follow", i.name)
		}
	}
	return images, nil
}

// look finds one image.
func (b *build) look(ctx context.Context, s Source, follow string) (image, error) {
	client := b.o.Registry
	client.OnEvent = b.emit
	i := image{name: s.name(follow), img: s.Image}
	if s.Ref != "" {
		i.img.Location = "docker://" + s.Ref
	}
	r, err := client.Open(ctx, i.img, b.spec.Platform)
	if err != nil {
		if errors.Is(err, registry.ErrNotFound) && b.spec.Platform != "" {
			if other, there := client.Open(ctx, i.img, ""); there == nil {
				other.Close()
				err = fmt.Errorf("%w: %w", ErrPlatform, err)
			}
		}
		return i, err
	}
	defer r.Close()
	i.info, i.img.Digest, i.img.Platform = r.Info, r.Digest, r.Platform
	if i.info.Labels["containers.bootc"] != "1" {
		return i, fmt.Errorf("%s: %w: it has no label containers.bootc=1; build it on a bootc base", s, ErrNotBootable)
	}
	return i, nil
}

// checkDefaultRoot refuses what would fail after minutes: Fedora's images leave the root file system to whoever installs them.
func (s Spec) checkDefaultRoot(info registry.Info) error {
	if s.RootFS != "" {
		return nil
	}
	base, err := bootc.Base{Ref: info.Annotations[v1.AnnotationBaseImageName], Labels: info.Labels}.Infer()
	if err == nil && base.OSRelease["ID"] == "fedora" {
		return bootc.Errorf("RootFS", "is empty, and Fedora's images have no default: set xfs, ext4 or btrfs")
	}
	return nil
}

// job is what the runner gets.
func (b *build) job(images []image, config bool, manifest *bytes.Buffer) Job {
	s := b.spec
	j := Job{
		Name: b.work.name(), Tool: b.o.Tool, Platform: s.Platform, Dir: b.work.dir, Config: config,
		LiveHostStore: s.Source.LiveHostStore != "", Network: s.Format == AnacondaISO, OnEvent: b.emit,
	}
	if manifest != nil {
		j.Manifest, j.Stdout = true, manifest
	}
	var size int64
	for _, i := range images {
		j.Images = append(j.Images, i.name)
		for _, l := range i.info.Layers {
			size += l.Size
		}
	}
	if !b.o.IgnoreFreeSpace && !j.Manifest {
		j.Need = need(size)
	}
	run := invocation{spec: s, image: s.Source.name(s.Follow), config: config, manifest: j.Manifest}
	if s.Format == InstallerISO {
		run.image, run.payload = s.Installer.Image.name(""), run.image
	}
	if !s.BuildRoot.isZero() {
		run.buildRoot = s.BuildRoot.name("")
	}
	j.args = func(at Paths) []string { return j.Tool.args(run, at) }
	return j
}

// fetch brings the images into the layout of the job.
func (b *build) fetch(ctx context.Context, images []image) error {
	client := b.o.Registry
	client.OnEvent = b.emit
	for n, i := range images {
		b.emit(bootc.Event{Kind: bootc.EventStart, Op: "pull", Ref: i.name})
		if _, err := client.Save(ctx, i.img, "oci:"+b.work.at("images")+":"+strconv.Itoa(n)); err != nil {
			return err
		}
		b.emit(bootc.Event{Kind: bootc.EventDone, Op: "pull", Ref: i.name})
	}
	return nil
}
