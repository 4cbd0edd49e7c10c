// Package depcheck holds the packages of this module to what they may import, so that a program which only plans,
// lints or pushes does not link an engine.
package depcheck

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bootloom/bootloom/"

// forbidden says what each package must not reach by any way. A pattern that ends in /... stands for all below it, as
// in the go command.
var forbidden = []struct {
	pkg      string
	patterns []string
	why      string
}{
	{"bootc", []string{"go.podman.io/...", "github.com/containers/...", "C"}, "a program that only plans must be light, and build on macOS and Windows"},
	{"bootc", []string{module + "registry", module + "sign", module + "lint", module + "bootc/..."}, "everything else builds on bootc, not the other way round"},
	{"bootc/flightctl", []string{"go.podman.io/...", "github.com/containers/...", "github.com/flightctl/...", "C"}, "a program that only plans must be light, and build on macOS and Windows"},
	{"bootc/flightctl", []string{module + "registry", module + "sign", module + "lint", module + "bootc/buildah"}, "what the agent reads is known without an engine"},
	{"bootc/changes", []string{"go.podman.io/buildah/...", "go.podman.io/storage", "go.podman.io/common/...", module + "bootc/buildah", module + "bootc/direct", module + "lint", module + "sign", "C"}, "comparing images needs no engine, and no library of SQLite"},
	{"containerfile", []string{"go.podman.io/...", "github.com/containers/...", "C"}, "a program that only reads Containerfiles must be light, and build on macOS and Windows"},
	{"containerfile", []string{module + "..."}, "containerfile is the lowest package"},
	{"bootc/direct", []string{"go.podman.io/buildah/...", "go.podman.io/storage", "go.podman.io/common/...", module + "bootc/buildah", "C"}, "adding files needs no engine, no store and no cgo"},
	{"lint", []string{"go.podman.io/...", "github.com/containers/...", "C"}, "a program that only lints must be light, and build on macOS and Windows"},
	{"lint", []string{module + "registry", module + "sign", module + "bootc/buildah"}, "what it lints is handed to it"},
	{"registry", []string{"go.podman.io/buildah/...", "go.podman.io/storage", "go.podman.io/common/..."}, "publishing an image needs no engine and no store"},
	{"registry", []string{module + "sign"}, "sign implements the interface of registry"},
	{"sign", []string{"go.podman.io/buildah/...", "go.podman.io/storage", "go.podman.io/common/..."}, "signing an image needs no engine and no store"},
	{"diskimage", []string{"go.podman.io/buildah/...", "go.podman.io/storage", "go.podman.io/common/...", module + "sign", module + "lint", module + "bootc/buildah", "C"}, "making and publishing a disk needs no engine and no store"},
	{"diskimage/boottest", []string{"go.podman.io/buildah/...", "go.podman.io/storage", "go.podman.io/common/...", module + "sign", module + "diskimage", module + "internal/testkit"}, "whoever boots in a test links no engine, and the test kit links it"},
}

// tolerated are exceptions for what plans, lints and adds files, and nothing else: imagebuilder's parser,
// which has to be the one that buildah builds with, imports two of these leaves of the storage module, and those the
// third. They hold no store and need no cgo. TestTolerated fails when one can go.
var tolerated = []string{
	"go.podman.io/storage/pkg/mount",
	"go.podman.io/storage/pkg/regexp",
	"go.podman.io/storage/pkg/system",
}

// tags of a program that links containers/image without the headers of gpgme and btrfs.
const tags = "containers_image_openpgp,exclude_graphdriver_btrfs"

func TestImports(t *testing.T) {
	for _, rule := range forbidden {
		t.Run(rule.pkg+" without "+rule.patterns[0], func(t *testing.T) {
			for _, dep := range deps(t, module+rule.pkg) {
				if slices.Contains([]string{"bootc", "bootc/flightctl", "containerfile", "lint", "bootc/direct"}, rule.pkg) && slices.Contains(tolerated, dep) {
					continue
				}
				if slices.ContainsFunc(rule.patterns, func(p string) bool { return dep != module+rule.pkg && matches(p, dep) }) {
					t.Errorf("%s reaches %s, but %s", rule.pkg, dep, rule.why)
				}
			}
		})
	}
}

func TestTolerated(t *testing.T) {
	list := deps(t, module+"containerfile")
	for _, pkg := range tolerated {
		if !slices.Contains(list, pkg) {
			t.Errorf("containerfile no longer reaches %s: take it off the list", pkg)
		}
	}
}

// deps lists what pkg links, on Linux. A package that uses cgo lists "C".
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tags,
		"-f", `{{.ImportPath}}{{if and .CgoFiles (not .Standard)}}{{"\n"}}C{{end}}`, pkg)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOFLAGS=-mod=readonly", "CGO_ENABLED=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	list := strings.Fields(string(out))
	if !slices.Contains(list, pkg) {
		t.Fatalf("go list -deps %s does not list the package itself: %q", pkg, list)
	}
	return list
}

func matches(pattern, pkg string) bool {
	dir, all := strings.CutSuffix(pattern, "/...")
	return pkg == dir || all && strings.HasPrefix(pkg, dir+"/")
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, pkg string
		want         bool
	}{
		{"go.podman.io/...", "go.podman.io/storage/pkg/x", true},
		{"go.podman.io/storage", "go.podman.io/storage/pkg/x", false},
		{"go.podman.io/storage", "go.podman.io/storage", true},
		{"go.podman.io/storage/...", "go.podman.io/storagex", false},
	} {
		if matches(c.pattern, c.pkg) != c.want {
			t.Errorf("matches(%s, %s) is not %t", c.pattern, c.pkg, c.want)
		}
	}
}

// TestPortable builds the light packages where no engine runs.
func TestPortable(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: compiles the standard library for two other systems")
	}
	for _, goos := range []string{"darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", "build", module+"bootc", module+"bootc/flightctl", module+"bootc/direct", module+"containerfile", module+"lint")
			cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
