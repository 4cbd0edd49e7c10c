package bootc_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

func compile(t *testing.T, s bootc.Spec, base bootc.Base) bootc.Plan {
	t.Helper()
	p, err := s.Compile(base)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWriteContext(t *testing.T) {
	plan := compile(t, bootc.From("quay.io/a/b:1").File("/etc/motd", "hi\n").Script("last", "true\n"), bootc.Base{})
	dir := filepath.Join(t.TempDir(), "made", "here")
	if err := plan.WriteContext(dir); err != nil {
		t.Fatal(err)
	}
	first := contents(t, dir)
	if err := plan.WriteContext(dir); err != nil { // again, over what is there
		t.Fatal(err)
	}
	if second := contents(t, dir); fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("the same plan gives other files: %q, %q", first, second)
	}
	if got := len(first); got != 2 || first["Containerfile"] != plan.Containerfile.String() || len(first["files.tar"]) == 0 {
		t.Errorf("got %d files: %q", got, first)
	}

	err := plan.WriteContext(filepath.Join(dir, "Containerfile", "x"))
	if err == nil {
		t.Error("a context below a file: no error")
	}
	gone := fstest.MapFS{"a": {Data: []byte("x")}}
	plan = compile(t, bootc.From("quay.io/a/b:1").With(bootc.File{Path: "/etc/a", Content: bootc.FromFS(gone, "a")}), bootc.Base{})
	delete(gone, "a")
	err = plan.WriteContext(t.TempDir())
	if op, ok := errors.AsType[*bootc.OpError](err); !ok || !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(op.Ref, "files.tar") {
		t.Errorf("missing content: got %v", err)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

func TestArchiveModes(t *testing.T) {
	a := bootc.Archive{Name: "x.tar", Epoch: time.Unix(1700000000, 0), Entries: []bootc.Entry{
		{Path: "/d", Mode: fs.ModeDir | fs.ModeSticky | fs.ModeSetgid | 0o775, UID: 1000, GID: 4294967294},
		{Path: "/d/" + strings.Repeat("é", 120), Mode: fs.ModeSetuid | 0o755, Content: bootc.Text("x")},
		{Path: "/d/l", Mode: fs.ModeSymlink | 0o777, Link: "../" + strings.Repeat("t", 200)},
	}}
	var b bytes.Buffer
	n, err := a.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d bytes, says %d: %v", b.Len(), n, err)
	}
	var got []string
	for r := tar.NewReader(&b); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%c %04o %d:%d %d %d %d", h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime.Unix(), len(h.Name), len(h.Linkname)))
	}
	want := []string{"5 3775 1000:4294967294 1700000000 2 0", "0 4755 0:0 1700000000 242 0", "2 0777 0:0 1700000000 3 203"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// growing is a file system whose one file says another size than it has.
type growing struct{ says, has int64 }

func (g growing) Open(string) (fs.File, error) {
	return growingFile{io.LimitReader(zeros{}, g.has), g.says}, nil
}

type growingFile struct {
	io.Reader
	size int64
}

func (f growingFile) Stat() (fs.FileInfo, error) { return growingInfo{f.size}, nil }
func (growingFile) Close() error                 { return nil }

type growingInfo struct{ size int64 }

func (growingInfo) Name() string       { return "f" }
func (i growingInfo) Size() int64      { return i.size }
func (growingInfo) Mode() fs.FileMode  { return 0o644 }
func (growingInfo) ModTime() time.Time { return time.Time{} }
func (growingInfo) IsDir() bool        { return false }
func (growingInfo) Sys() any           { return nil }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestArchiveSizeChanges(t *testing.T) {
	for _, g := range []growing{{10, 9}, {10, 11}, {0, 1}, {1, 0}} {
		a := bootc.Archive{Name: "x.tar", Entries: []bootc.Entry{{Path: "/f", Content: bootc.FromFS(g, "f")}}}
		if _, err := a.WriteTo(io.Discard); err == nil || !strings.Contains(err.Error(), "x.tar: /f: the size") {
			t.Errorf("%+v: got %v", g, err)
		}
	}
	a := bootc.Archive{Name: "x.tar", Entries: []bootc.Entry{{Path: "/f", Content: bootc.FromFS(growing{10, 10}, "f")}}}
	if _, err := a.WriteTo(io.Discard); err != nil {
		t.Error(err)
	}
}

// TestArchiveIsFlat compiles and writes 100,000 small files and one of 60 MB, and looks at the memory in use.
func TestArchiveIsFlat(t *testing.T) {
	entries := put{{Path: "/usr/lib/big", Content: bootc.FromFS(growing{60 << 20, 60 << 20}, "f")}}
	for i := range 100_000 {
		entries = append(entries, bootc.Entry{Path: fmt.Sprintf("/usr/lib/many/%03d/%06d", i%1000, i), Mode: 0o644, Content: bootc.Text("x")})
	}
	plan := compile(t, bootc.From("quay.io/a/b:1").With(entries), bootc.Base{})
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	watch := &floor{}
	var n int64
	for _, a := range plan.Archives {
		m, err := a.WriteTo(watch)
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if n < 60<<20+100_000*1024 {
		t.Errorf("wrote only %d bytes", n)
	}
	for what, heap := range map[string]uint64{"the large file": watch.large.heap, "the small files": watch.small.heap} {
		if heap == 0 {
			t.Fatalf("nobody looked at the heap during %s", what)
		}
		if grown := int64(heap) - int64(before.HeapAlloc); grown > 8<<20 {
			t.Errorf("during %s the heap never was less than %d MB more than before", what, grown>>20)
		}
	}
}

// floor looks at what lives on the heap now and then, and keeps the least: what is held throughout is in all looks, what
// another goroutine or the garbage collector happens to have is not.
type floor struct{ large, small looks }

type looks struct {
	writes int
	heap   uint64
}

func (f *floor) Write(b []byte) (int, error) {
	l, every := &f.small, 50_000
	if len(b) >= 4096 {
		l, every = &f.large, 200
	}
	if l.writes++; l.writes%every == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		if l.heap == 0 || m.HeapAlloc < l.heap {
			l.heap = m.HeapAlloc
		}
	}
	return len(b), nil
}
