package direct_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/internal/testkit"
)

// random is content that does not compress.
func random(seed byte, n int) bootc.Content {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return bootc.Bytes(b)
}

// diskUsage is the size of all files below a directory, each once however many names it has.
func diskUsage(t testing.TB, dir string) int64 {
	t.Helper()
	var seen []os.FileInfo
	var n int64
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		for _, s := range seen {
			if os.SameFile(s, info) {
				return nil
			}
		}
		seen = append(seen, info)
		n += info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPrune keeps what was used last, whichever was made first.
func TestPrune(t *testing.T) {
	root := t.TempDir()
	e := open(t, direct.Options{Root: root})
	base := bootc.From("oci:" + testkit.Base(t, testkit.Tiny)).With(bootc.File{Path: "/usr/lib/shared", Content: random(0, 2<<20)})
	const size = 1 << 20
	make := func(i byte) bootc.Image {
		img, err := bootc.Build(t.Context(), e, base.With(bootc.File{Path: "/usr/lib/own", Content: random(i, size-1000)}), bootc.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	there := func(img bootc.Image) bool {
		dir := strings.TrimSuffix(strings.TrimPrefix(img.Location, "oci:"), ":image")
		for _, l := range img.Layers {
			if _, err := os.Stat(filepath.Join(dir, "blobs", "sha256", l.Digest.Encoded())); err != nil && !l.FromBase {
				return false
			}
		}
		return true
	}
	images := []bootc.Image{make(1), make(2), make(3)}
	if again := make(1); again.Digest != images[0].Digest { // now the second is the oldest
		t.Fatal("another image")
	}
	before, err := e.Size(t.Context())
	if used := diskUsage(t, root); err != nil || before > used || before < used-10_000 {
		t.Fatalf("Size says %d of %d, %v", before, used, err)
	}
	if p, err := e.Prune(t.Context(), bootc.Pruning{}); err != nil || p.Freed != 0 || p.Left != before {
		t.Errorf("what is young went: %+v %v", p, err)
	}
	all := bootc.Pruning{Young: -1}
	if p, err := e.Prune(t.Context(), bootc.Pruning{Limit: before, Young: -1}); err != nil || p.Freed != 0 {
		t.Errorf("what is not too much went: %+v %v", p, err)
	}
	p, err := e.Prune(t.Context(), bootc.Pruning{Limit: before - size/2, Young: -1})
	if err != nil || p.Freed < size/2 || p.Freed > 2*size || p.Freed+p.Left != before {
		t.Errorf("%+v of %d, %v", p, before, err)
	}
	if !there(images[0]) || there(images[1]) || !there(images[2]) {
		t.Errorf("there are %t %t %t", there(images[0]), there(images[1]), there(images[2]))
	}
	if left := diskUsage(t, root); left < p.Left || left > p.Left+10_000 {
		t.Errorf("%d bytes are left, Prune says %d", left, p.Left)
	}
	if again := make(2); again.Digest != images[1].Digest || !there(again) {
		t.Error("what went is not made again")
	}
	if p, err = e.Prune(t.Context(), all); err != nil || p.Left != 0 || diskUsage(t, root) > 1000 {
		t.Errorf("%+v, %v, %d bytes", p, err, diskUsage(t, root))
	}
	if img := make(3); img.Digest != images[2].Digest || !there(img) {
		t.Error("after all went nothing can be built")
	}
}

// slow is an engine that takes as long as it is told to.
type slow struct {
	bootc.Engine
	began, end chan struct{}
}

func (s slow) Build(ctx context.Context, p bootc.Plan, o bootc.BuildOptions) (bootc.Image, error) {
	close(s.began)
	<-s.end
	return bootc.Image{}, errors.New("no image")
}

// TestPruneWaits for builds, and ends with its context.
func TestPruneWaits(t *testing.T) {
	s := slow{began: make(chan struct{}), end: make(chan struct{})}
	e := open(t, direct.Options{Run: s})
	spec := bootc.From("oci:"+testkit.Base(t, testkit.Tiny)).Script("x", "true")
	var building sync.WaitGroup
	building.Go(func() {
		if _, err := bootc.Build(t.Context(), e, spec, bootc.BuildOptions{}); err == nil || !strings.Contains(err.Error(), "no image") {
			t.Error(err)
		}
	})
	<-s.began
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := e.Prune(ctx, bootc.Pruning{Young: -1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside a build: %v", err)
	}
	close(s.end)
	building.Wait()
	if _, err := e.Prune(t.Context(), bootc.Pruning{Young: -1}); err != nil {
		t.Error(err)
	}
}

// TestPruneBesideBuilds has several engines build, and one prune all there is, at once: no build fails.
func TestPruneBesideBuilds(t *testing.T) {
	root := t.TempDir()
	base := bootc.From("oci:" + testkit.Base(t, testkit.Tiny)).With(bootc.File{Path: "/usr/lib/shared", Content: random(0, 100_000)})
	var work sync.WaitGroup
	for n := range 3 {
		e := open(t, direct.Options{Root: root})
		work.Go(func() {
			for i := range 15 {
				out := filepath.Join(t.TempDir(), "out")
				spec := base.With(bootc.File{Path: "/usr/lib/own", Content: random(byte(i%4), 50_000)})
				if _, err := bootc.Build(t.Context(), e, spec, bootc.BuildOptions{Output: "oci:" + out}); err != nil {
					t.Error(n, i, err)
				}
			}
		})
	}
	done := make(chan struct{})
	var pruning sync.WaitGroup
	pruning.Go(func() {
		e := open(t, direct.Options{Root: root})
		for {
			select {
			case <-done:
				return
			default:
				if _, err := e.Prune(t.Context(), bootc.Pruning{Young: -1}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	work.Wait()
	close(done)
	pruning.Wait()
}
