package containerfile

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestDependencies keeps the package light, and free of cgo on every system.
func TestDependencies(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command to list the imports with")
	}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}} {{len .CgoFiles}}{{end}}", ".")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", goos, err)
		}
		n := 0
		for line := range strings.Lines(string(out)) {
			path, cgo, _ := strings.Cut(strings.TrimSpace(line), " ")
			n++
			if cgo != "0" {
				t.Errorf("%s: %s uses cgo", goos, path)
			}
			for _, heavy := range []string{"go.podman.io/buildah", "go.podman.io/image", "go.podman.io/common", "github.com/docker/docker", "github.com/fsouza"} {
				if strings.HasPrefix(path, heavy) {
					t.Errorf("%s: imports %s", goos, path)
				}
			}
			if rest, ok := strings.CutPrefix(path, "go.podman.io/storage/"); ok && rest != "pkg/regexp" && rest != "pkg/mount" && rest != "pkg/system" {
				t.Errorf("%s: imports %s, of which the parser needs none", goos, path)
			}
		}
		if n < 10 || n > 60 {
			t.Errorf("%s: %d packages outside the standard library", goos, n)
		}
	}
}
