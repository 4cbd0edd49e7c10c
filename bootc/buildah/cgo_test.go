//go:build linux && cgo && ((containers_image_openpgp && exclude_graphdriver_btrfs) || bootloom_system_gpgme)

package buildah_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// TestNoCopies looks at the processes of a RUN while it runs: the one outside the container is the program itself, the one
// that enters it a read-only mount of the program, and neither a copy in memory.
func TestNoCopies(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	done := make(chan error, 1)
	go func() {
		_, err := e.Build(t.Context(), plan(base, nil, sh("sleep 2")), bootc.BuildOptions{})
		done <- err
	}()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for deadline := time.Now().Add(20 * time.Second); len(seen) < 2 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, name := range all {
			line, _ := os.ReadFile(name)
			who, rest, _ := strings.Cut(string(line), "\x00")
			exe, err := os.Readlink(filepath.Join(filepath.Dir(name), "exe"))
			switch {
			case err != nil:
			case who == "buildah-chroot-exec" && strings.Contains(rest, "sleep 2") && exe != self:
				seen[who] = true
				if strings.Contains(exe, "memfd:") {
					t.Errorf("%s runs from %s, a copy in memory", who, exe)
				}
			case who == "buildah-chroot-runtime" && exe == self:
				seen[who] = true
			}
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(seen) < 2 {
		t.Errorf("saw only %v as it should be", seen)
	}
}
