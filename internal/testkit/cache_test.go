package testkit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestCacheRepairs(t *testing.T) {
	t.Setenv("BOOTLOOM_CACHE", t.TempDir())
	made := 0
	fill := func(_ context.Context, dir string) ([]string, error) {
		made++
		return []string{"f"}, os.WriteFile(filepath.Join(dir, "f"), []byte("content"), 0o644)
	}
	get := func() string {
		dir, err := cached(t.Context(), "thing", key("a", "b"), fill)
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dir := get()
	get()
	if made != 1 {
		t.Fatalf("made %d times, want once", made)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	checked.Delete(dir) // as another process would see it
	get()
	if b, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(b) != "content" || made != 2 {
		t.Errorf("after damage: %q %v, made %d times", b, err, made)
	}

	// An entry of an old recipe goes when a new one is made, but only after two weeks without use.
	old := time.Now().Add(-15 * 24 * time.Hour)
	other := func(k string) string {
		dir, err := cached(t.Context(), "thing", key(k), fill)
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	recent := other("recent")
	if err := os.Chtimes(dir, old, old); err != nil {
		t.Fatal(err)
	}
	other("new")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the old entry is still there: %v", err)
	}
	if _, err := os.Stat(recent); err != nil {
		t.Error(err)
	}
	if key("ab", "") == key("a", "b") {
		t.Error("keys of different parts are equal")
	}
}

func TestCacheMakesOnce(t *testing.T) {
	t.Setenv("BOOTLOOM_CACHE", t.TempDir())
	var made atomic.Int32
	get := func(ctx context.Context) error {
		_, err := cached(ctx, "slow", key("x"), func(_ context.Context, dir string) ([]string, error) {
			made.Add(1)
			time.Sleep(300 * time.Millisecond)
			return nil, nil
		})
		return err
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if err := get(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := get(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another makes it: %v", err)
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times, want once", made.Load())
	}
}

func TestCacheFailureLeavesNothing(t *testing.T) {
	t.Setenv("BOOTLOOM_CACHE", t.TempDir())
	boom := errors.New("boom")
	_, err := cached(t.Context(), "thing", key("x"), func(_ context.Context, dir string) ([]string, error) {
		return nil, errors.Join(boom, os.WriteFile(filepath.Join(dir, "half"), nil, 0o644))
	})
	if !errors.Is(err, boom) {
		t.Error(err)
	}
	left, _ := filepath.Glob(os.Getenv("BOOTLOOM_CACHE") + "/testkit/*[^k]")
	if len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
