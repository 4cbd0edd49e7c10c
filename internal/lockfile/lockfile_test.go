package lockfile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bootloom/bootloom/internal/lockfile"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	ended, end := context.WithCancel(t.Context())
	end()
	a, err := lockfile.Share(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := lockfile.Share(ended, path)
	if err != nil {
		t.Fatal("two cannot share it:", err)
	}
	if _, err := lockfile.Alone(ended, path); !errors.Is(err, context.Canceled) {
		t.Errorf("alone beside two: %v", err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if ok, err := lockfile.Try(f); ok || err != nil {
		t.Errorf("alone beside two: %t %v", ok, err)
	}
	a()
	got := make(chan func())
	go func() {
		unlock, err := lockfile.Alone(t.Context(), path)
		if err != nil {
			t.Error(err)
		}
		got <- unlock
	}()
	select {
	case <-got:
		t.Error("alone beside one")
	case <-time.After(50 * time.Millisecond):
	}
	b()
	alone := <-got
	if _, err := lockfile.Share(ended, path); !errors.Is(err, context.Canceled) {
		t.Errorf("a share of what somebody has alone: %v", err)
	}
	alone()
	if ok, err := lockfile.Try(f); !ok || err != nil {
		t.Errorf("nobody has it: %t %v", ok, err)
	}
	if _, err := lockfile.Share(t.Context(), filepath.Join(path, "no directory")); err == nil {
		t.Error("a lock where no file can be")
	}
}
