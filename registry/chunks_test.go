package registry_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

const chunk = 32 << 20 // what is sent at once

// sparse makes a file with a megabyte of content at each end, and nothing between.
func sparse(t testing.TB, size int64) registry.Artifact {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.raw")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{1}).Read(content)
	_, err = f.Write(content)
	_, err2 := f.WriteAt(content, size-int64(len(content)))
	if err := errors.Join(err, err2, f.Close()); err != nil {
		t.Fatal(err)
	}
	return registry.Artifact{Type: "application/vnd.diskimage.raw", Files: []registry.File{{Path: path}}}
}

func patch(r *http.Request) bool { return r.Method == http.MethodPatch }

// sent is how many bytes of blobs came in, also in requests that broke.
func sent(r *testkit.Registry) (n int64) {
	for _, q := range r.Requests() {
		if strings.Contains(q.Path, "/blobs/") {
			n += q.In
		}
	}
	return n
}

func TestChunks(t *testing.T) {
	const size = 3*chunk + 12345 // with a last one that is smaller
	olareg, docker := testkit.NewOlareg, testkit.NewDockerRegistry
	for _, tt := range []struct {
		name  string
		start func(testing.TB, testkit.RegistryOptions) *testkit.Registry
		fault testkit.Fault
		most  int64 // bytes that may be sent
		tries int   // 0 for any number
	}{
		{"olareg", olareg, testkit.Fault{Match: testkit.Method("NONE")}, size, 0},
		{"docker-registry", docker, testkit.Fault{Match: testkit.Method("NONE")}, size, 0},
		{"drop in a chunk", olareg, testkit.Fault{Match: patch, Skip: 1, Times: 1, Do: testkit.Drop(20 << 20)}, size + 1<<20, 1},
		{"drop in many chunks", olareg, testkit.Fault{Match: patch, Times: 12, Do: testkit.Drop(5 << 20)}, size + 12<<20, 12},
		{"drop after a chunk", olareg, testkit.Fault{Match: patch, Skip: 1, Times: 1, Do: testkit.Drop(1 << 40)}, size, 1},
		{"drop after the last chunk", olareg, testkit.Fault{Match: patch, Skip: 3, Times: 1, Do: testkit.Drop(1 << 40)}, size, 1},
		{"416", olareg, testkit.Fault{Match: patch, Skip: 1, Times: 1, Do: testkit.Status(416, 0)}, size + chunk, 1},
		{"drop before a byte", olareg, testkit.Fault{Match: patch, Skip: 1, Times: 2, Do: testkit.Drop(0)}, size + 1<<20, 2},
		{"503 between chunks", docker, testkit.Fault{Match: patch, Skip: 2, Times: 1, Do: testkit.Status(503, 0)}, size + chunk, 1},
		{"401 between chunks", docker, testkit.Fault{Match: patch, Skip: 2, Times: 1, Do: testkit.Unauthorized()}, size + chunk, 1},
		{"drop after the end", olareg, testkit.Fault{Match: testkit.PathContains("PUT", "/blobs/"), Times: 1, Do: testkit.Drop(0)}, size, 1},
		{"500 at the end", docker, testkit.Fault{Match: testkit.PathContains("PUT", "/blobs/"), Skip: 1, Times: 1, Do: testkit.Status(500, 0)}, size + chunk, 1},
		// docker-registry forgets an upload that broke in a chunk.
		{"drop and lost", docker, testkit.Fault{Match: patch, Skip: 1, Times: 1, Do: testkit.Drop(10 << 20)}, 2*size + chunk, 0},
		{"lost", olareg, testkit.Fault{Match: testkit.PathContains("PATCH", ""), Skip: 1, Times: 2, Do: testkit.Status(502, 0)}, 2*size + chunk, 0},
		{"no PATCH", olareg, testkit.Fault{Match: patch, Do: testkit.Status(405, 0)}, size + chunk, 0},
		{"too large", docker, testkit.Fault{Match: patch, Do: testkit.Status(413, 0)}, size + chunk, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.start(t, testkit.RegistryOptions{Username: "u", Password: "secret"})
			r.Inject(tt.fault)
			if tt.name == "lost" {
				r.Inject(testkit.Fault{Match: testkit.PathContains("GET", "/blobs/uploads/"), Do: testkit.Status(404, 0)})
			}
			rec := &record{t: t}
			c := client(r)
			c.OnEvent = rec.on
			p, err := c.PublishArtifact(t.Context(), sparse(t, size), r.Host+"/disk", unsigned)
			if err != nil {
				t.Fatal(err)
			}
			if n := sent(r); n < size || n > tt.most+2 { // with the empty config
				t.Errorf("%d bytes sent, want %d to %d", n, int64(size), tt.most)
			}
			if n := rec.count(bootc.EventRetry); tt.tries > 0 && n != tt.tries {
				t.Errorf("%d retries, want %d: %q", n, tt.tries, rec.texts(bootc.EventRetry))
			}
			if p.Uploaded < size || p.Uploaded > size+1000 {
				t.Errorf("says that it uploaded %d bytes", p.Uploaded)
			}
			var last int64
			for _, e := range rec.events {
				if e.Kind == bootc.EventProgress && e.Total == size {
					last = e.Bytes
				}
			}
			if last != size {
				t.Errorf("the last progress is %d", last)
			}
			// The registry has compared the digest; this compares what comes out again.
			got, err := c.PullArtifact(t.Context(), p.Reference(), t.TempDir(), registry.PullOptions{})
			if err != nil || got.Files[0].Size != size {
				t.Fatalf("pulled %+v, error %v", got, err)
			}
			if used := blocks(t, got.Files[0].Path); runtime.GOOS == "linux" && used > 4<<20 {
				t.Errorf("the holes of the file were filled: it takes %d bytes", used)
			}
		})
	}
}

// TestChunkToken: a token that expires in the middle of an upload is renewed, and the upload goes on.
func TestChunkToken(t *testing.T) {
	const size = 3 * chunk
	r := testkit.NewOlareg(t, testkit.RegistryOptions{Username: "u", Password: "secret", TokenLifetime: time.Hour})
	c := client(r)
	var once sync.Once
	c.OnEvent = func(e bootc.Event) {
		if e.Kind == bootc.EventProgress && e.Bytes > chunk {
			once.Do(r.ExpireTokens)
		}
	}
	if _, err := c.PublishArtifact(t.Context(), sparse(t, size), r.Host+"/disk", unsigned); err != nil {
		t.Fatal(err)
	}
	if n := sent(r); n > size+chunk+2 { // one chunk was refused
		t.Errorf("%d bytes sent: began again", n)
	}
}

// TestChunksWrong: a file that is not what it is called never becomes a blob, and no attempt is made to change that.
func TestChunksWrong(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	rec := &record{t: t}
	c := client(r)
	c.OnEvent = rec.on
	a := sparse(t, 2*chunk+1)
	a.Files[0].Digest, a.Files[0].Size = digest.FromString("another"), 2*chunk+1
	_, err := c.PublishArtifact(t.Context(), a, r.Host+"/disk", unsigned)
	if !errors.Is(err, registry.ErrDigestMismatch) || rec.count(bootc.EventRetry) > 0 {
		t.Errorf("error %v, retries %v", err, rec.texts(bootc.EventRetry))
	}
	for _, q := range r.Requests() {
		if q.Method == http.MethodPut && q.In != 2 { // but for the empty config
			t.Errorf("%s %s", q.Method, q.Path)
		}
	}
	a.Files[0].Digest, a.Files[0].Size = "", 0
	r.Inject(testkit.Fault{Match: patch, Do: testkit.Status(507, 0)})
	if _, err := c.PublishArtifact(t.Context(), a, r.Host+"/disk", unsigned); !errors.Is(err, registry.ErrNoSpace) {
		t.Errorf("error %v", err)
	}
}

// TestChunksFromPipe: what cannot be read at an offset is read again.
func TestChunksFromPipe(t *testing.T) {
	const size = 2*chunk + chunk/2
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	r.Inject(testkit.Fault{Match: patch, Skip: 1, Times: 1, Do: testkit.Drop(8 << 20)})
	opened := 0
	a := registry.Artifact{Type: noteType, Files: []registry.File{{Open: func() (io.ReadCloser, error) {
		opened++
		return io.NopCloser(io.LimitReader(rand.NewChaCha8([32]byte{7}), size)), nil
	}}}}
	if _, err := client(r).PublishArtifact(t.Context(), a, r.Host+"/disk", unsigned); err != nil {
		t.Fatal(err)
	}
	if n := sent(r); n > size+1<<20 || opened != 3 { // to know the digest, to send it, and after the drop
		t.Errorf("%d bytes sent, opened %d times", n, opened)
	}
}

// TestCopyChunks: between registries a large blob goes in chunks too, and both ways can break.
func TestCopyChunks(t *testing.T) {
	const size = 3 * chunk
	from, to := testkit.NewOlareg(t, testkit.RegistryOptions{}), testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(from)
	p, err := c.PublishArtifact(t.Context(), sparse(t, size), from.Host+"/disk", unsigned)
	if err != nil {
		t.Fatal(err)
	}
	from.Reset()
	from.Inject(testkit.Fault{Match: testkit.PathContains("GET", "/blobs/"), Times: 2, Do: testkit.Drop(10 << 20)})
	to.Inject(testkit.Fault{Match: patch, Skip: 1, Times: 1, Do: testkit.Drop(10 << 20)})
	if _, err := c.Copy(t.Context(), p.Reference(), to.Host+"/disk:1", registry.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := sent(to); n > size+1<<20 {
		t.Errorf("%d bytes sent", n)
	}
	if n := from.Downloaded(); n > size+2*chunk {
		t.Errorf("%d bytes read", n)
	}
}

// TestTwoGigabytes sends a disk of two gigabytes over a connection that breaks, in bounded memory.
func TestTwoGigabytes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: writes two gigabytes to disk, twice")
	}
	const size = 2 << 30
	for _, tt := range []struct {
		name  string
		start func(testing.TB, testkit.RegistryOptions) *testkit.Registry
		fault testkit.Fault
		most  int64
	}{
		{"olareg", testkit.NewOlareg, testkit.Fault{Match: patch, Skip: 40, Times: 3, Do: testkit.Drop(20 << 20)}, size + 3<<20},
		{"docker-registry", testkit.NewDockerRegistry, testkit.Fault{Match: patch, Skip: 40, Times: 3, Do: testkit.Status(503, 0)}, size + 3*chunk},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.start(t, testkit.RegistryOptions{Dir: t.TempDir()})
			r.Inject(tt.fault)
			a := sparse(t, size)
			peak := watchHeap(t)
			p, err := client(r).PublishArtifact(t.Context(), a, r.Host+"/disk", registry.PublishOptions{Unsigned: true, Tags: []string{"1"}})
			if err != nil {
				t.Fatal(err)
			}
			if n := sent(r); n < size || n > tt.most+2 {
				t.Errorf("%d bytes sent of %d", n, int64(size))
			}
			most := peak()
			t.Logf("%d MB published, %.1f MB more on the heap at most, %d bytes sent", p.Uploaded>>20, float64(most)/1e6, sent(r))
			if most > chunk/2 {
				t.Errorf("%d bytes more on the heap: it holds chunks", most)
			}
		})
	}
}

// watchHeap looks at the live heap until the function that is returned is called, which tells its growth.
func watchHeap(t testing.TB) func() int64 {
	t.Helper()
	live := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	runtime.GC()
	before, most := live(), int64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				most = max(most, live()-before)
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-done
		return most
	}
}
