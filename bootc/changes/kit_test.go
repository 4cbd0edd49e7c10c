package changes_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/changes"
	"github.com/bootloom/bootloom/internal/testkit"
)

// files is a layer: content by path. "-> x" is a link, a path that ends in "/" a directory, and a content that begins with
// "0755 7:8 " has a mode and owner before it.
type files map[string]string

// image is an image of such layers, the lowest first.
func image(t testing.TB, layers ...files) bootc.Image {
	t.Helper()
	dir := t.TempDir()
	var parts []testkit.Layer
	for _, l := range layers {
		parts = append(parts, l.write)
	}
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
	config.Config.Labels = map[string]string{"org.opencontainers.image.version": "1." + string(rune('0'+len(layers)))}
	if _, err := testkit.WriteLayout(dir, config, parts...); err != nil {
		t.Fatal(err)
	}
	return bootc.Image{Location: "oci:" + dir}
}

func (l files) write(tw *tar.Writer) error {
	var names []string
	for name := range l {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		h := tar.Header{Name: name, Mode: 0o644}
		content := l[name]
		if len(content) > 9 && content[0] == '0' && content[4:9] == " 7:8 " {
			h.Mode, h.Uid, h.Gid, content = 0o755, 7, 8, content[9:]
		}
		link, isLink := strings.CutPrefix(content, "-> ")
		hard, isHard := strings.CutPrefix(content, "=> ")
		switch {
		case strings.HasSuffix(name, "/"):
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		case isLink:
			h.Typeflag, h.Linkname, content = tar.TypeSymlink, link, ""
		case isHard:
			h.Typeflag, h.Linkname, content = tar.TypeLink, hard, ""
		}
		h.Size = int64(len(content))
		if err := tw.WriteHeader(&h); err != nil {
			return err
		}
		if _, err := tw.Write([]byte(content)); err != nil {
			return err
		}
	}
	return nil
}

func between(t testing.TB, from, to bootc.Image) changes.Report {
	t.Helper()
	r, err := changes.Between(t.Context(), from, to, changes.Options{Platform: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines are the changes of files, one a line.
func lines(r changes.Report) []string {
	var out []string
	for _, f := range r.Files {
		out = append(out, string(f.Kind())+" "+f.Path)
	}
	return out
}

// dropLayer takes away the blob of a layer, so that whoever reads it fails.
func dropLayer(t testing.TB, img bootc.Image, i int) {
	t.Helper()
	dir := strings.TrimPrefix(img.Location, "oci:")
	_, m, _, err := testkit.ReadImage(dir)
	if err == nil {
		err = os.Remove(dir + "/blobs/sha256/" + m.Layers[i].Digest.Encoded())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// damage cuts every file of a cache in half.
func damage(t testing.TB, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		n++
		return os.Truncate(name, info.Size()/2)
	})
	if err != nil || n == 0 {
		t.Fatalf("%d files, %v", n, err)
	}
}
