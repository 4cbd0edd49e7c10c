//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDate: the directories above what a step changed have the epoch; those that it was given something to mount on in stay.
func TestDate(t *testing.T) {
	root := t.TempDir()
	epoch, old, now, mount := time.Unix(1000, 0), time.Unix(10, 0), time.Unix(5000, 0), time.Unix(0, 0)
	times := map[string]time.Time{
		".": old, "usr": old, "usr/lib": now, "usr/lib/x": old, "etc": old, "etc/hosts": mount, "var": old, "var/cache": epoch, "var/cache/acme": mount,
		"opt": old, "opt/new": epoch, "srv": old, "srv/written": now, "empty": old,
	}
	for name := range times {
		if filepath.Base(name) == "hosts" || filepath.Base(name) == "x" {
			continue
		}
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"etc/hosts", "usr/lib/x"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, at := range times {
		if err := os.Chtimes(filepath.Join(root, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := date(root, epoch); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".", "usr", "opt", "srv"} {
		times[name] = epoch
	}
	got := map[string]time.Time{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		got[rel] = info.ModTime()
		return err
	})
	if err != nil || !maps.EqualFunc(got, times, time.Time.Equal) {
		t.Errorf("times are %v, want %v; %v", got, times, err)
	}
}
