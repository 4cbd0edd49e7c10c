//go:build linux

package diskimage

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var _ = flag.Bool("update", false, "rewrite what the txtar files expect")

// TestMain lets this program play podman and skopeo when it is called by those names.
func TestMain(m *testing.M) {
	if play, ok := players[filepath.Base(os.Args[0])]; ok {
		os.Exit(play(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// players are the programs by name; each returns its exit status.
var players = map[string]func(args []string) int{
	"podman":  playPodman,
	"skopeo":  playSkopeo,
	"builder": playBuilder,
}

// stage makes a directory with this program under the names that it can play.
func stage(t *testing.T, names ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else each of them takes a second to end under the race detector
	dir := t.TempDir()
	for _, name := range names {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
