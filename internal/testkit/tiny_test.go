package testkit

import (
	"archive/tar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTiny(t *testing.T) {
	layout := Base(t, Tiny)
	desc, manifest, config, err := ReadImage(layout)
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Layers) != 2 || config.OS != "linux" || config.Config.Labels["org.opencontainers.image.version"] != "1" {
		t.Errorf("manifest %+v, config %+v", manifest, config)
	}
	layers, err := LayerEntries(layout)
	if err != nil {
		t.Fatal(err)
	}
	byPath := map[string]Entry{}
	for _, e := range layers[0] {
		byPath[e.Path] = e
	}
	if e := byPath["usr/bin/sh"]; e.Type != tar.TypeLink || e.Link != "usr/bin/busybox" {
		t.Errorf("sh is %+v, want a hard link to busybox", e)
	}
	if e := byPath["tmp"]; e.Mode != 0o1777 || e.Type != tar.TypeDir {
		t.Errorf("tmp is %+v", e)
	}
	if e := byPath["etc/shadow"]; e.Mode != 0o600 || e.UID != 0 || e.Digest == "" {
		t.Errorf("etc/shadow is %+v", e)
	}

	// The same bytes when made again.
	again := t.TempDir()
	if _, err := makeTiny(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if d, _, _, err := ReadImage(again); err != nil || d.Digest != desc.Digest {
		t.Errorf("made again it is %s (%v), before it was %s", d.Digest, err, desc.Digest)
	}
}

func TestUnpackImage(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	if err := UnpackImage(Base(t, Tiny), root); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(root, "etc/motd")); err != nil || string(b) != "upper layer\n" {
		t.Errorf("motd is %q, %v", b, err)
	}
	for _, gone := range []string{"etc/gone", "etc/.wh.gone"} {
		if _, err := os.Lstat(filepath.Join(root, gone)); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", gone, err)
		}
	}
	if fi, err := os.Stat(filepath.Join(root, "tmp")); err != nil || fi.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("tmp: %v %v", fi.Mode(), err)
	}
	a, _ := os.Stat(filepath.Join(root, "usr/bin/sh"))
	b, _ := os.Stat(filepath.Join(root, "usr/bin/busybox"))
	if !os.SameFile(a, b) {
		t.Error("sh and busybox are not one file")
	}
	if os.Geteuid() == 0 {
		out, err := exec.Command("chroot", root, "/bin/sh", "-c", "id -u && cat /etc/os-release").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "0\nID=tiny\n") {
			t.Errorf("in the chroot: %v %s", err, out)
		}
	}
}

func TestUnpackLayers(t *testing.T) {
	write := func(entries ...tar.Header) Layer {
		return func(tw *tar.Writer) error {
			w := files{tw: tw}
			for _, h := range entries {
				w.add(h, strings.Repeat("x", int(h.Size)))
			}
			return w.err
		}
	}
	dir := func(n string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: n, Mode: 0o755} }
	file := func(n string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: n, Mode: 0o644, Size: 3} }
	symlink := func(n, to string) tar.Header { return tar.Header{Typeflag: tar.TypeSymlink, Name: n, Linkname: to} }
	for _, c := range []struct {
		name   string
		layers []Layer
		want   string // paths, or the error
	}{
		{"opaque", []Layer{
			write(dir("a/"), file("a/old"), dir("a/sub"), file("a/sub/old")),
			write(dir("./a"), file("a/sub/new"), file("a/.wh..wh..opq"), file("a/new")),
		}, "a a/new a/sub a/sub/new"},
		{"directory becomes file", []Layer{write(dir("a"), file("a/b")), write(file("a"))}, "a"},
		{"file becomes directory", []Layer{write(file("a")), write(dir("a"), file("a/b"))}, "a a/b"},
		{"link is replaced, not followed", []Layer{write(dir("a"), symlink("l", "a")), write(file("l"))}, "a l"},
		{"whiteout of a directory", []Layer{write(dir("a"), file("a/b"), file("c")), write(file(".wh.a"))}, "c"},
		{"out by a link", []Layer{write(symlink("l", "/etc")), write(file("l/evil"))}, "path escapes from parent"},
		{"out by dots", []Layer{write(file("../../evil"))}, "evil"},
	} {
		t.Run(c.name, func(t *testing.T) {
			layout, root := t.TempDir(), filepath.Join(t.TempDir(), "root")
			if _, err := WriteLayout(layout, tinyConfig(), c.layers...); err != nil {
				t.Fatal(err)
			}
			if err := UnpackImage(layout, root); err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Fatal(err)
				}
				return
			}
			var got []string
			_ = filepath.Walk(root, func(p string, _ os.FileInfo, _ error) error {
				if rel, _ := filepath.Rel(root, p); rel != "." {
					got = append(got, rel)
				}
				return nil
			})
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}
