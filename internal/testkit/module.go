package testkit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// moduleDir is the directory of a nested module of programs: modules/NAME beside this file. Each has the go.mod of one
// peer, with its replacements, and names the peer's programs as tools; no module that users see requires it.
func moduleDir(name string) (string, error) {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "modules", name)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); errors.Is(err, fs.ErrNotExist) {
		if !filepath.IsAbs(file) {
			return "", fmt.Errorf("the source of the test kit is nowhere to be found: do not build tests with -trimpath")
		}
		have, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "*"))
		for i := range have {
			have[i] = filepath.Base(have[i])
		}
		return "", fmt.Errorf("no module %q in %s: there are %s", name, filepath.Dir(dir), strings.Join(have, ", "))
	}
	return dir, nil
}

// buildTool builds the program of the import path pkg, which must be a tool of the nested module or the module itself,
// without cgo, and returns the binary's path in the cache. It is built once for a Go version and a state of the module's
// go.mod, go.sum and own source, and may take minutes. flags are further ones of go build.
func buildTool(ctx context.Context, module, pkg, ldflags string, flags ...string) (string, error) {
	dir, err := moduleDir(module)
	if err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return "", err
	}
	parts := append([]string{string(mod), string(sum), pkg, ldflags, runtime.Version(), runtime.GOARCH}, flags...)
	own, _ := filepath.Glob(filepath.Join(dir, "*.go")) // of a module with a program of its own
	for _, file := range own {
		source, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		parts = append(parts, string(source))
	}
	name := pkg[strings.LastIndex(pkg, "/")+1:]
	entry, err := cached(ctx, name, key(parts...),
		func(ctx context.Context, out string) ([]string, error) {
			args := append([]string{"build", "-C", dir, "-trimpath", "-buildvcs=false", "-ldflags", ldflags}, flags...)
			cmd := exec.Command("go", append(args, "-o", filepath.Join(out, name), pkg)...)
			// The caller's flags, build tags among them, are for the caller's module.
			cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off", "CGO_ENABLED=0")
			_, err := run(ctx, "go build "+pkg, cmd)
			return []string{name}, err
		})
	return filepath.Join(entry, name), err
}
