package main

import (
	"context"
	"encoding/json"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/registry"
)

// builder makes disks with osbuild's image builder, where runner runs it. disk is the disk without its source.
func builder(disk diskimage.Spec, runner diskimage.Runner, o diskimage.BuildOptions) (Recipe, error) {
	id, err := json.Marshal(struct {
		Disk diskimage.Spec
		Tool diskimage.Tool
	}{disk, o.Tool})
	if err != nil {
		return Recipe{}, err
	}
	r := Recipe{Format: disk.Format, ID: string(id)}
	r.Make = func(ctx context.Context, image registry.Published, platform, file string, on func(bootc.Event)) (diskimage.Disk, error) {
		d, o := disk.For(platform), o
		d.Source = diskimage.From(image).Source // by its digest
		o.Output, o.OnEvent, o.Registry.OnEvent = file, on, on
		return d.Build(ctx, runner, o)
	}
	return r, nil
}
