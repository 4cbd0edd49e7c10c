package tree_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"github.com/bootloom/bootloom/internal/tree"
)

// layer makes a layer of headers; a file's content is its own name.
func layer(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg || h.Typeflag == 0 {
			content = h.Name
			h.Size = int64(len(content))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t testing.TB, b []byte) tree.Layer {
	t.Helper()
	l, err := tree.ReadLayer(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func file(name string) tar.Header { return tar.Header{Name: name} }
func dir(name string, mode int64, uid int) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: mode, Uid: uid}
}

func TestMerge(t *testing.T) {
	lower := read(t, layer(t,
		dir("etc/", 0o755, 0), file("etc/passwd"), file("etc/gone"), dir("etc/secret", 0o700, 7), file("etc/secret/a"),
		dir("opq", 0o755, 0), file("opq/old"), dir("was-dir", 0o755, 0), file("was-dir/x"),
		file("sysroot/ostree/repo/objects/aa/bb.file"),
		tar.Header{Name: "usr/lib/os-release", Typeflag: tar.TypeLink, Linkname: "sysroot/ostree/repo/objects/aa/bb.file"},
	))
	upper := read(t, layer(t,
		file("etc/.wh.gone"), file("etc/passwd"), file("opq/.wh..wh..opq"), file("opq/new"), file("was-dir"), file("deep/er/x"),
		file("etc/.wh.never"),
	))
	m := tree.Merge(lower, upper)
	m.Fetch = func(_ int, path string) ([]byte, error) { return []byte(path), nil }
	if err := fstest.TestFS(m, "etc/passwd", "etc/secret/a", "opq/new", "was-dir", "deep/er/x", "usr/lib/os-release"); err != nil {
		t.Error(err)
	}
	for _, gone := range []string{"etc/gone", "opq/old", "was-dir/x", "etc/.wh.gone"} {
		if _, err := m.Lstat(gone); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	info, err := m.Lstat("etc/secret")
	if err != nil {
		t.Fatal(err)
	}
	if e := info.Sys().(tree.Entry); info.Mode() != fs.ModeDir|0o700 || e.UID != 7 {
		t.Errorf("etc/secret is %v of %d", info.Mode(), e.UID)
	}
	if b, err := fs.ReadFile(m, "usr/lib/os-release"); string(b) != "sysroot/ostree/repo/objects/aa/bb.file" || err != nil {
		t.Errorf("a hard link to an object reads %q, %v", b, err)
	}
	links := tree.Merge(read(t, layer(t, tar.Header{Name: "lib", Typeflag: tar.TypeSymlink, Linkname: "usr/lib"})))
	if to, err := links.ReadLink("lib"); to != "usr/lib" || err != nil {
		t.Errorf("lib links to %q, %v", to, err)
	}
	if info, err := m.Lstat("deep/er"); err != nil || !info.IsDir() {
		t.Errorf("a directory that the layer takes for granted: %v", err)
	}
}

func TestFetch(t *testing.T) {
	m := tree.Merge(tree.Layer{}, read(t, layer(t, file("usr/bin/dnf"))))
	if _, err := m.Open("usr/bin/dnf"); err == nil {
		t.Error("content that nobody kept was opened")
	}
	m.Fetch = func(layer int, path string) ([]byte, error) {
		if layer != 1 || path != "usr/bin/dnf" {
			t.Errorf("asked for %s of layer %d", path, layer)
		}
		return []byte("elf"), nil
	}
	if b, err := fs.ReadFile(m, "usr/bin/dnf"); string(b) != "elf" || err != nil {
		t.Errorf("%q %v", b, err)
	}
}

func TestCompressions(t *testing.T) {
	plain := layer(t, file("etc/a"), file("etc/b"))
	var gz, zst bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Write(plain)
	w.Close()
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(plain)
	z.Close()
	for name, b := range map[string][]byte{"plain": plain, "gzip": gz.Bytes(), "zstd": zst.Bytes()} {
		if l := read(t, b); len(l.Entries) != 2 || string(l.Entries[1].Data) != "etc/b" {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if _, err := tree.ReadLayer(bytes.NewReader(gz.Bytes()[:gz.Len()/2])); err == nil {
		t.Error("half a layer was read")
	}
}

func FuzzReadLayer(f *testing.F) {
	f.Add(layer(f, dir("etc", 0o755, 0), file("etc/.wh.x"), file("../../etc/passwd")))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := tree.ReadLayer(bytes.NewReader(b))
		if err != nil {
			return
		}
		m := tree.Merge(l, l)
		if err := fs.WalkDir(m, ".", func(p string, _ fs.DirEntry, err error) error {
			if !fs.ValidPath(p) {
				t.Errorf("path %q", p)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestReading(t *testing.T) {
	db := "SQLite format 3\x00" + strings.Repeat("x", 1<<20)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct{ name, link, content string }{
		{"etc/large", "", strings.Repeat("l", 100)}, {"etc/small", "", "s"}, {"etc/empty", "", ""},
		{"sysroot/ostree/repo/objects/aa/db.file", "", db}, {"usr/share/rpm/rpmdb.sqlite", "sysroot/ostree/repo/objects/aa/db.file", ""},
		{"sysroot/ostree/repo/objects/aa/bin.file", "", strings.Repeat("b", 100_000)}, {"usr/bin/b", "sysroot/ostree/repo/objects/aa/bin.file", ""},
		{"etc/beyond", "", "123456789"},
	} {
		h := tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content))}
		if f.link != "" {
			h.Typeflag, h.Linkname = tar.TypeLink, f.link
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	reading := tree.Reading{Sums: true, Max: int64(len(db)) + 8, Keep: func(name string) int64 {
		if strings.HasPrefix(name, "usr/share/rpm/") {
			return 2 << 20
		}
		return 10
	}}
	l, err := reading.Layer(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	m := tree.Merge(l)
	for name, want := range map[string]string{"etc/small": "s", "etc/empty": "", "usr/share/rpm/rpmdb.sqlite": db} {
		if got, err := fs.ReadFile(m, name); string(got) != want || err != nil {
			t.Errorf("%s has %d bytes, %v", name, len(got), err)
		}
	}
	for _, name := range []string{"etc/large", "usr/bin/b", "etc/beyond"} {
		if _, err := fs.ReadFile(m, name); err == nil {
			t.Errorf("%s was kept", name)
		}
	}
	for name, content := range map[string]string{"etc/large": strings.Repeat("l", 100), "etc/empty": "", "usr/bin/b": strings.Repeat("b", 100_000), "usr/share/rpm/rpmdb.sqlite": db, "etc/beyond": "123456789"} {
		if e, ok := m.Lookup(name); !ok || !bytes.Equal(e.Sum, sum(content)) {
			t.Errorf("the sum of %s is %x, %t", name, e.Sum, ok)
		}
	}
	if l, err := tree.ReadLayer(bytes.NewReader(b.Bytes())); err != nil || l.Entries[0].Sum != nil {
		t.Errorf("a sum that nobody asked for: %v", err)
	}
}

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

func TestResolve(t *testing.T) {
	link := func(name, to string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
	}
	m := tree.Merge(read(t, layer(t, dir("usr/lib/systemd", 0o755, 0), link("lib", "usr/lib"), link("sbin", "/usr/sbin"), link("usr/sbin", "bin"),
		link("a", "b"), link("b", "a"), file("usr/lib/x"))))
	for name, want := range map[string]string{
		"lib/x": "usr/lib/x", "/lib/systemd/../x": "usr/lib/x", "sbin/y": "usr/bin/y", "usr/lib/x": "usr/lib/x", "none/at/all": "none/at/all", "": ".", "/": ".", "../..": ".",
	} {
		if got := m.Resolve(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := m.Resolve("a/x"); !strings.HasSuffix(got, "/x") {
		t.Errorf("a circle ends at %s", got)
	}
	n := 0
	for name, e := range m.All() {
		n++
		if got, ok := m.Lookup(name); !ok || got.Mode != e.Mode {
			t.Errorf("%s: %v, %t", name, got, ok)
		}
	}
	if n != 10 {
		t.Errorf("%d files", n)
	}
}
