//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
)

// du is what du says of a directory, in bytes: each file once, without what directories take.
func du(t testing.TB, dir string) int64 {
	t.Helper()
	out, err := exec.Command("du", "-sb", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.Fields(string(out))[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPrune builds in both ways, and takes away all, or what was used least recently.
func TestPrune(t *testing.T) {
	t.Parallel()
	for name, noDirect := range map[string]bool{"all by the builder": true, "files directly": false} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			e := hybrid(t, root, func(o *buildah.Options) { o.NoDirect = noDirect })
			dir := filepath.Join(root, "root")
			base := inspect(t, e, tinyRef(t))
			make := func(i int) bootc.Image {
				t.Helper()
				p := plan(base, files(), sh(fmt.Sprintf("echo %d >/usr/lib/a; dd if=/dev/urandom of=/usr/lib/b bs=1M count=4 2>/dev/null", i)))
				img, err := e.Build(t.Context(), p, bootc.BuildOptions{})
				if err != nil {
					t.Fatal(err)
				}
				return img
			}
			there := func(img bootc.Image) bool {
				layout, _, _ := strings.Cut(strings.TrimPrefix(img.Location, "oci:"), ":")
				_, err := os.Stat(filepath.Join(layout, "blobs", "sha256", img.Layers[len(img.Layers)-1].Digest.Encoded()))
				return err == nil
			}
			one, two := make(1), make(2)
			store, err := e.Store()
			if err != nil {
				t.Fatal(err)
			}
			all, err := store.Images()
			if err != nil || len(all) < 3 {
				t.Fatal(all, err)
			}
			mine, err := store.CreateImage("", []string{"localhost/mine:1"}, all[0].TopLayer, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if again := make(1); again.Digest != one.Digest { // remembered, and the other one is older now
				t.Fatal("another image")
			}

			size, err := e.Size(t.Context())
			if used := du(t, dir); err != nil || size > used || size < used*8/10 {
				t.Errorf("Size says %d, du %d, %v", size, used, err)
			}
			if p, err := e.Prune(t.Context(), bootc.Pruning{}); err != nil || p.Freed != 0 || p.Left != size {
				t.Errorf("what is young went: %+v of %d, %v", p, size, err)
			}
			p, err := e.Prune(t.Context(), bootc.Pruning{Limit: size - 10<<20, Young: -1})
			if err != nil || p.Left > size-10<<20 || p.Freed+p.Left != size {
				t.Errorf("%+v of %d, %v", p, size, err)
			}
			if !there(one) || there(two) {
				t.Errorf("the image that was used last is there: %t, the other: %t", there(one), there(two))
			}
			if p, err = e.Prune(t.Context(), bootc.Pruning{Young: -1}); err != nil {
				t.Fatal(err)
			}
			if again, err := e.Size(t.Context()); err != nil || again != p.Left {
				t.Errorf("Size says %d, Prune %d, %v", again, p.Left, err)
			}
			if left, err := store.Images(); err != nil || len(left) != 1 || left[0].ID != mine.ID {
				t.Errorf("images %+v, %v", left, err)
			}
			if used := du(t, dir); used > p.Left+2<<20 {
				t.Errorf("%d bytes are left, Prune says %d", used, p.Left)
			}
			if base = inspect(t, e, tinyRef(t)); !there(make(3)) {
				t.Error("after all went nothing can be built")
			}
		})
	}
}

// TestPruneKeepsSteps: a step that a build found in the layer cache was used by it.
func TestPruneKeepsSteps(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	e := openAt(t, root, nil)
	base := inspect(t, e, tinyRef(t))
	build := func(steps ...string) []bootc.Event {
		t.Helper()
		p := plan(base, nil)
		for _, s := range steps {
			p.Containerfile.Stages[0].Steps = append(p.Containerfile.Stages[0].Steps, sh(s))
		}
		r := &recorder{t: t}
		if _, err := e.Build(t.Context(), p, bootc.BuildOptions{OnEvent: r.on}); err != nil {
			t.Fatal(err)
		}
		forget(t, root)
		return r.kinds(bootc.EventStep)
	}
	const slow, other, last = "echo slow; dd if=/dev/urandom of=/usr/lib/slow bs=1M count=3 2>/dev/null", "dd if=/dev/urandom of=/usr/lib/other bs=1M count=30 2>/dev/null", "echo last >/usr/lib/last"
	build(slow)
	build(other)
	build(slow, last)
	size, err := e.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p, err := e.Prune(t.Context(), bootc.Pruning{Limit: size - 20<<20, Young: -1}); err != nil || p.Freed < 20<<20 || p.Freed > 80<<20 {
		t.Fatalf("%+v of %d, %v", p, size, err)
	}
	hits := 0
	for _, ev := range build(slow, last, "true") {
		if ev.Cached {
			hits++
		}
	}
	if hits != 2 {
		t.Errorf("%d steps were in the cache, want 2", hits)
	}
}

// TestPruneBesideBuilds of other engines on the same Root: none fails, whatever of it is for which engine.
func TestPruneBesideBuilds(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var building, pruning sync.WaitGroup
	done := make(chan struct{})
	for n, noDirect := range []bool{true, false} {
		e := hybrid(t, root, func(o *buildah.Options) { o.NoDirect = noDirect })
		building.Go(func() {
			for i := range 4 {
				base, err := e.Inspect(t.Context(), tinyRef(t), bootc.BuildOptions{})
				if err == nil {
					p := plan(base, files(), sh(fmt.Sprintf("echo %d >/usr/lib/a", i%2)))
					_, err = e.Build(t.Context(), p, bootc.BuildOptions{Output: "oci:" + filepath.Join(root, fmt.Sprint("out", n, i))})
				}
				if err != nil {
					t.Error(n, i, err)
				}
			}
		})
	}
	e := hybrid(t, root, func(o *buildah.Options) { o.NoDirect = true })
	pruning.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				if _, err := e.Prune(t.Context(), bootc.Pruning{Young: -1}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	building.Wait()
	close(done)
	pruning.Wait()
}

// TestPruneWaits for a build, of another engine on the same Root.
func TestPruneWaits(t *testing.T) {
	t.Parallel()
	for name, noDirect := range map[string]bool{"builder": true, "direct": false} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			change := func(o *buildah.Options) { o.NoDirect = noDirect }
			building, pruning := hybrid(t, root, change), hybrid(t, root, change)
			p := plan(inspect(t, building, tinyRef(t)), files(), sh("echo asleep; sleep "+sleeper))
			ctx, cancel := context.WithCancel(t.Context())
			asleep := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := building.Build(ctx, p, bootc.BuildOptions{OnEvent: func(ev bootc.Event) {
					if ev.Text == "asleep" {
						close(asleep)
					}
				}})
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			<-asleep
			soon, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer stop()
			if _, err := pruning.Prune(soon, bootc.Pruning{Young: -1}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("beside a build: %v", err)
			}
			cancel()
			wg.Wait()
			if p, err := pruning.Prune(t.Context(), bootc.Pruning{Young: -1}); err != nil || p.Left > 100_000 {
				t.Errorf("after it: %+v, %v", p, err)
			}
			left(t, building)
		})
	}
	e := open(t, nil)
	e.Close()
	if _, err := e.Prune(t.Context(), bootc.Pruning{}); !errors.Is(err, buildah.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
