package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/examples/edge/edgeos"
)

// work is what the commands of an image do, beside which the engines are to be seen.
type work int

const (
	nothing      work = iota // RUN true
	presets                  // systemctl preset-all
	certificates             // and update-ca-certificates, for the demo's CA: most of two thousand processes
)

// spec is the demo's image at a revision, with a script in place of the package, whose mirror would be measured, and the binary
// if there is one.
func spec(base string, revision int, binary []byte, run work) bootc.Spec {
	s := edgeos.Spec(base)
	s.Features = slices.DeleteFunc(slices.Clone(s.Features), func(f bootc.Feature) bool {
		_, mirror := f.(bootc.Packages)
		_, ca := f.(bootc.CABundle)
		return mirror || ca && run != certificates
	})
	body := "systemctl preset-all"
	if run == nothing {
		body = "true"
	}
	if len(binary) > 0 {
		s = s.With(bootc.File{Path: "/usr/bin/edge-agent", Content: bootc.Bytes(binary), Mode: 0o755})
	}
	return s.
		With(bootc.Script{Name: "enable what the base brings", Phase: "packages", Body: body}).
		DropIn("/usr/lib/sysctl.d/60-revision.conf", fmt.Sprintf("kernel.domainname = r%d.example\n", revision))
}

// writeContext writes the build context for the peers, who have the base under another name.
func writeContext(ctx context.Context, engine bootc.Engine, s bootc.Spec, baseName, dir string) error {
	base, err := engine.Inspect(ctx, s.Base, bootc.BuildOptions{})
	if err != nil {
		return err
	}
	plan, err := s.Compile(base)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := plan.WriteContext(dir); err != nil {
		return err
	}
	file := plan.Containerfile
	file.Stages = slices.Clone(file.Stages)
	final := &file.Stages[len(file.Stages)-1]
	final.From = baseName
	final.Steps = slices.Clone(final.Steps)
	for i, step := range final.Steps {
		if run, ok := step.(containerfile.Run); ok && len(run.Heredocs) == 1 {
			// buildah 1.28 has no here-documents. It is the same shell with the same argument.
			final.Steps[i] = containerfile.Run{Command: containerfile.Command{Exec: []string{"/bin/sh", "-c", run.Heredocs[0].Body}}}
		}
	}
	var text bytes.Buffer
	if _, err := file.WriteTo(&text); err != nil {
		return err
	}
	return os.WriteFile(dir+"/Containerfile", text.Bytes(), 0o644)
}
