package testkit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

//go:embed imagebuilder.go
var imageBuilderRecipe string

// ImageBuilder returns a directory with osbuild's real image builder under its two names, image-builder and
// bootc-image-builder, built from the Go module proxy (three minutes) if the cache does not have it. The versions are
// those of internal/testkit/imagebuilder/go.mod, a module of its own so that nobody else downloads its 800 packages.
//
// Without osbuild it cannot build disks, but its command manifest does all before that: it reads the configuration, asks
// podman and skopeo about the image, and prints what osbuild would do.
func ImageBuilder(t testing.TB) string {
	t.Helper()
	NeedTool(t, "go")
	dir, err := makeImageBuilder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func makeImageBuilder(ctx context.Context) (string, error) {
	module, err := imageBuilderModule(ctx)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		parts = append(parts, string(b))
	}
	k := key(append(parts, imageBuilderRecipe, runtime.Version(), runtime.GOARCH)...)
	return cached(ctx, "image-builder", k, func(ctx context.Context, dir string) ([]string, error) {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w",
			"-tags", "containers_image_openpgp,exclude_graphdriver_btrfs,exclude_graphdriver_devicemapper",
			"-o", filepath.Join(dir, "image-builder"), "github.com/osbuild/image-builder/cmd/image-builder")
		cmd.Dir = module
		// Static, so that it runs in any container.
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly -buildvcs=false", "GOWORK=off")
		if _, err := run(ctx, "build image-builder", cmd); err != nil {
			return nil, err
		}
		return []string{"image-builder"}, os.Link(filepath.Join(dir, "image-builder"), filepath.Join(dir, "bootc-image-builder"))
	})
}

// imageBuilderModule finds the nested module from wherever in this module the test runs.
func imageBuilderModule(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("the test does not run in this module's directory")
	}
	return filepath.Join(filepath.Dir(mod), "internal", "testkit", "imagebuilder"), nil
}
