package testkit

import (
	"archive/tar"
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

var (
	//go:embed disktool.go
	diskToolRecipe string
	//go:embed disktool.sh
	diskToolScript string
	//go:embed osbuild.sh
	osbuildScript string
)

// DiskTool returns the OCI layout directory of a container image like bootc-image-builder's, made now if the cache does not have
// it: the real image-builder under its two names, with Debian 13's podman and skopeo, which it calls. Only osbuild is
// played: it makes a disk of 64 MiB by way of a loop device, with the kernel argument bootloom.disk=fail it fails, with
// bootloom.disk=hang it hangs with the device attached. monitor is what it tells of its progress (JSONSeqMonitor).
func DiskTool(t testing.TB, monitor string) string {
	t.Helper()
	NeedRoot(t)
	v := NewVerifiers(t)
	program, err := filepath.EvalSymlinks(filepath.Join(ImageBuilder(t), "image-builder"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := makeDiskTool(t.Context(), v.Root, program, monitor)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func makeDiskTool(ctx context.Context, root, program, monitor string) (string, error) {
	k := key(diskToolRecipe, diskToolScript, osbuildScript, layoutRecipe, root, program, monitor)
	return cached(ctx, "disktool", k, func(_ context.Context, dir string) ([]string, error) {
		binary, err := os.ReadFile(program)
		if err != nil {
			return nil, err
		}
		files := func(tw *tar.Writer) error {
			w := files{tw: tw}
			w.dir("output", 0o755)
			w.dir("store", 0o755)
			w.file("usr/libexec/image-builder", 0o755, string(binary))
			w.hardLink("usr/libexec/bootc-image-builder", "usr/libexec/image-builder")
			w.file("usr/bin/image-builder", 0o755, diskToolScript)
			w.file("usr/bin/bootc-image-builder", 0o755, diskToolScript)
			w.file("usr/bin/osbuild", 0o755, osbuildScript)
			w.file("usr/share/osbuild/monitor.jsonseq", 0o644, monitor)
			// podman run --init, in a container of the image that the disk is made of
			w.file("usr/libexec/podman/catatonit", 0o755, "#!/bin/sh\nshift\n\"$@\" &\ntrap 'kill $!' TERM\nwait\n")
			w.file("etc/containers/storage.conf", 0o644, "[storage]\ndriver = \"overlay\"\nrunroot = \"/run/containers/storage\"\ngraphroot = \"/var/lib/containers/storage\"\n")
			w.file("etc/containers/containers.conf", 0o644, "[containers]\ncgroups = \"disabled\"\ndefault_ulimits = [\"nofile=1024:4096\", \"nproc=1024:4096\"]\n[engine]\nevents_logger = \"none\"\ncgroup_manager = \"cgroupfs\"\n")
			return w.err
		}
		_, err = WriteLayout(dir, v1.Image{
			Created: &tinyTime, Platform: v1.Platform{Architecture: runtime.GOARCH, OS: "linux"},
			Config: v1.ImageConfig{
				Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
				Entrypoint: []string{"/usr/bin/bootc-image-builder"}, WorkingDir: "/output",
			},
			History: []v1.History{{Created: &tinyTime, CreatedBy: "testkit: Debian"}, {Created: &tinyTime, CreatedBy: "testkit: image-builder"}},
		}, DirLayer(root), files)
		if err != nil {
			return nil, err
		}
		return layoutFiles(dir)
	})
}
