package testkit

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestFindCanaries hides one secret in every place that an image has.
func TestFindCanaries(t *testing.T) {
	c := NewCanary()
	secret := []byte(c)
	var zipped, zstandard, inner bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	_, _ = gz.Write(secret)
	gz.Close()
	z, err := zstd.NewWriter(&zstandard)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write(bytes.Repeat([]byte("x"), 100_000))
	_, _ = z.Write(secret)
	z.Close()
	tw := tar.NewWriter(&inner)
	addFile(t, tw, "deep", secret)
	tw.Close()
	lines := func(s string) string { // as MIME breaks them
		var b strings.Builder
		for chunk := range slices.Chunk([]byte(s), 76) {
			b.Write(append(chunk, "\r\n"...))
		}
		return b.String()
	}
	long := strings.Repeat("0123456789", 10_000)
	files := map[string]struct{ content, form string }{
		"plain":      {c, "plain"},
		"middle":     {long + c + long, "plain"},
		"wide":       {long[:65530] + c, "plain"}, // across two reads
		"base64":     {base64.StdEncoding.EncodeToString([]byte("password: " + c + "\n")), "base64"},
		"base64-1":   {base64.URLEncoding.EncodeToString([]byte("password:  " + c + "\n")), "base64"},
		"base64-2":   {base64.StdEncoding.EncodeToString([]byte("password:   " + c + "\n")), "base64"},
		"mime":       {lines(base64.StdEncoding.EncodeToString([]byte(long[:47] + c + long[:90]))), "base64"},
		"hex":        {strings.ToUpper(hex.EncodeToString(secret)), "hex"},
		"zipped":     {zipped.String(), "plain"},
		"zstandard":  {zstandard.String(), "plain"},
		"broken":     {"\x1f\x8b" + c, "plain"},
		"inner.tar":  {inner.String(), "plain"},
		"harmless":   {long, ""},
		"almost":     {c[:len(c)-1] + "_", ""},
		"empty":      {"", ""},
		"etc/shadow": {"root:" + c + ":::\n", "plain"}, // deleted by the next layer
	}
	dir := t.TempDir()
	_, err = WriteLayout(dir, v1.Image{
		Platform: v1.Platform{Architecture: "amd64", OS: "linux"},
		Config:   v1.ImageConfig{Env: []string{"PASSWORD=" + c}},
	}, func(tw *tar.Writer) error {
		for name, f := range files {
			addFile(t, tw, name, []byte(f.content))
		}
		return nil
	}, func(tw *tar.Writer) error {
		addFile(t, tw, "etc/.wh.shadow", nil)
		return nil
	}, func(tw *tar.Writer) error {
		return tw.WriteHeader(&tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/" + c})
	}, func(tw *tar.Writer) error {
		return tw.WriteHeader(&tar.Header{Name: "attribute", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"SCHILY.xattr.user.x": c}})
	})
	if err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(dir, "index.json")
	b, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte(`"latest"`), []byte(`"latest","note":"`+base64.StdEncoding.EncodeToString(secret)+`"`), 1)
	if !json.Valid(b) {
		t.Fatalf("%s", b)
	}
	err = os.WriteFile(index, b, 0o644)
	if err != nil {
		t.Fatal(err)
	}

	found, err := FindCanaries(dir, map[string][]byte{"it": secret, "other": []byte(NewCanary())})
	if err != nil {
		t.Fatal(err)
	}
	inFiles, elsewhere := map[string]string{}, 0
	for _, s := range found {
		switch {
		case s.Canary != "it":
			t.Errorf("found what is nowhere: %+v", s)
		case s.Path != "":
			if f := inFiles[s.Path]; f != "" && f != s.Form {
				t.Errorf("%s in two forms: %s, %s", s.Path, f, s.Form)
			}
			inFiles[s.Path] = s.Form
		default:
			elsewhere++
		}
	}
	delete(inFiles, "inner.tar/deep") // found as that and as a part of inner.tar
	for name, f := range files {
		if inFiles[name] != f.form {
			t.Errorf("%s: found %q, want %q", name, inFiles[name], f.form)
		}
		delete(inFiles, name)
	}
	if len(inFiles) > 0 {
		t.Errorf("found in %v as well", inFiles)
	}
	if elsewhere != 4 {
		t.Errorf("found in %d other places, want index, config, link and attribute: %+v", elsewhere, found)
	}
	if _, err := FindCanaries(dir, map[string][]byte{"short": []byte("abc")}); err == nil {
		t.Error("a canary of three bytes is looked for")
	}
}

func addFile(t *testing.T, tw *tar.Writer, name string, content []byte) {
	t.Helper()
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(content); err != nil {
		t.Fatal(err)
	}
}
