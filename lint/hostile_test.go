package lint_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/lint"
)

// imageOf is an image whose layers are written when they are read.
func imageOf(t testing.TB, layers ...func(io.Writer) error) lint.Image {
	t.Helper()
	var m v1.Manifest
	c := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
	for i := range layers {
		d := digest.FromString(fmt.Sprint(i))
		m.Layers = append(m.Layers, v1.Descriptor{Digest: d})
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, d)
	}
	manifest, err := json.Marshal(m)
	must(t, err)
	config, err := json.Marshal(c)
	must(t, err)
	return lint.Image{Manifest: manifest, Config: config, Layer: func(_ context.Context, i int) (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(layers[i](w)) }()
		return r, nil
	}}
}

// tarOf writes a tar with these entries, and zeros for content.
func tarOf(headers ...tar.Header) func(io.Writer) error {
	return func(w io.Writer) error {
		tw := tar.NewWriter(w)
		for _, h := range headers {
			if err := tw.WriteHeader(&h); err != nil {
				return err
			}
			if _, err := io.CopyN(tw, zeros{}, h.Size); err != nil {
				return err
			}
		}
		return tw.Close()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func file(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o666} }

func zstded(f func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			return err
		}
		return errors.Join(f(z), z.Close())
	}
}

func gzipped(f func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		z := gzip.NewWriter(w)
		return errors.Join(f(z), z.Close())
	}
}

// found lints an image and lists "ID path", or "ID message" where there is no path.
func found(t testing.TB, l lint.Linter, img lint.Image) []string {
	t.Helper()
	r, err := l.Image(t.Context(), "hostile", img)
	must(t, err)
	var out []string
	for _, f := range r.Findings {
		out = append(out, strings.TrimSpace(f.Rule+" "+f.Path))
	}
	return out
}

func only(ids ...string) []lint.Rule {
	return slices.DeleteFunc(lint.Rules(), func(r lint.Rule) bool { return !slices.Contains(ids, r.ID) })
}

// TestBomb wants a layer that unpacks without end to be left, as a finding, and the other layer to be looked at.
func TestBomb(t *testing.T) {
	endless := tarOf(tar.Header{Name: "usr/zero", Typeflag: tar.TypeReg, Size: 1 << 40})
	other := tarOf(file("usr/writable"))
	want := []string{"BL004", "BL214 /usr/writable"}
	for name, pack := range map[string]func(func(io.Writer) error) func(io.Writer) error{"zstd": zstded, "gzip": gzipped} {
		t.Run(name, func(t *testing.T) {
			l := lint.Linter{Rules: only("BL004", "BL214"), Limits: lint.Limits{Bytes: 64 << 20}}
			if got := found(t, l, imageOf(t, pack(endless), other)); !slices.Equal(got, want) {
				t.Errorf("bytes: %q, want %q", got, want)
			}
		})
	}
	if testing.Short() {
		t.Skip("-short: unpacks a gigabyte")
	}
	l := lint.Linter{Rules: only("BL004", "BL214")} // by the ratio alone
	if got := found(t, l, imageOf(t, zstded(endless), other)); !slices.Equal(got, want) {
		t.Errorf("ratio: %q, want %q", got, want)
	}
}

// TestManyEntries wants the memory for a million entries to be bounded, and the limit to be one.
func TestManyEntries(t *testing.T) {
	const n = 1_000_000
	layer := func(w io.Writer) error {
		tw := tar.NewWriter(w)
		for i := range n {
			h := file(fmt.Sprintf("usr/share/%04d/file-%07d", i/1000, i))
			h.Mode = 0o644
			if err := tw.WriteHeader(&h); err != nil {
				return err
			}
		}
		return tw.Close()
	}
	l := lint.Linter{Rules: only("BL005", "BL117", "BL214"), Limits: lint.Limits{Entries: 1000}}
	if got := found(t, l, imageOf(t, layer)); !slices.Equal(got, []string{"BL005"}) {
		t.Errorf("beyond the limit: %q", got)
	}
	if testing.Short() {
		t.Skip("-short: a million entries")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak := uint64(0)
	l.Limits, l.Rules = lint.Limits{}, append(l.Rules, lint.Rule{ID: "ACME1", Slug: "acme", Severity: lint.Note, Stages: lint.InRoot,
		Check: func(f *lint.Facts, _ func(lint.Finding)) {
			if f.Root.Len() != n {
				t.Errorf("%d entries", f.Root.Len())
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			peak = after.HeapAlloc - before.HeapAlloc
		}})
	if got := found(t, l, imageOf(t, layer)); len(got) > 0 {
		t.Errorf("found %q", got)
	}
	t.Logf("%d entries take %d MiB", n, peak>>20)
	if peak > 400<<20 {
		t.Errorf("%d entries take %d MiB", n, peak>>20)
	}
}

// TestBadLayers wants what is wrong with a layer to be a finding, and never an end.
func TestBadLayers(t *testing.T) {
	long := strings.Repeat("d/", 3000)
	for name, c := range map[string]struct {
		layer func(io.Writer) error
		want  []string
	}{
		"no tar":     {func(w io.Writer) error { _, err := w.Write([]byte(strings.Repeat("x", 2000))); return err }, []string{"BL004"}},
		"cut off":    {func(w io.Writer) error { return errors.New("connection reset") }, []string{"BL004"}},
		"half gzip":  {func(w io.Writer) error { _, err := w.Write([]byte("\x1f\x8b\x08\x00\x00")); return err }, []string{"BL004"}},
		"half zstd":  {func(w io.Writer) error { _, err := w.Write([]byte("\x28\xb5\x2f\xfd\x00")); return err }, []string{"BL004"}},
		"empty":      {func(io.Writer) error { return nil }, nil},
		"escapes":    {tarOf(file("../../etc/passwd"), file("usr/../../x"), file("/usr/ok")), []string{"BL004 /etc/passwd", "BL004 /x", "BL214 /usr/ok"}},
		"link out":   {tarOf(tar.Header{Name: "usr/a", Typeflag: tar.TypeLink, Linkname: "../../etc/shadow"}), []string{"BL004 /usr/a"}},
		"long path":  {tarOf(tar.Header{Name: long + "x", Typeflag: tar.TypeReg, Format: tar.FormatPAX}), []string{"BL004 " + "/" + long + "x"}},
		"long name":  {tarOf(tar.Header{Name: strings.Repeat("n", 300), Typeflag: tar.TypeReg, Format: tar.FormatPAX}), []string{"BL004 /" + strings.Repeat("n", 300)}},
		"same twice": {tarOf(file("usr/x"), tar.Header{Name: "./usr//x", Typeflag: tar.TypeReg, Mode: 0o644}), nil},
		"link to itself": {tarOf(tar.Header{Name: "usr/x", Typeflag: tar.TypeLink, Linkname: "usr/x"},
			tar.Header{Name: "usr/y", Typeflag: tar.TypeLink, Linkname: "usr/z"}, tar.Header{Name: "usr/z", Typeflag: tar.TypeLink, Linkname: "usr/y"}), nil},
		"huge file that a rule wants": {tarOf(tar.Header{Name: "usr/lib/bootc/kargs.d/x.toml", Typeflag: tar.TypeReg, Mode: 0o644, Size: 3 << 20}),
			[]string{"BL005 /usr/lib/bootc/kargs.d/x.toml"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := lint.Linter{Rules: only("BL004", "BL005", "BL105", "BL214")}
			got := found(t, l, imageOf(t, c.layer, tarOf(file("opt/in-another-layer"))))
			want := append(slices.Clone(c.want), "BL214 /opt/in-another-layer")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// TestBadImages wants errors, not findings, where there is no image to look at.
func TestBadImages(t *testing.T) {
	good := imageOf(t, tarOf(file("x")))
	many := make([]func(io.Writer) error, 600)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx context.Context
		img lint.Image
	}{
		"manifest":         {t.Context(), lint.Image{Manifest: []byte("<html>"), Config: good.Config, Layer: good.Layer}},
		"config":           {t.Context(), lint.Image{Manifest: good.Manifest, Config: []byte("{"), Layer: good.Layer}},
		"diff ids":         {t.Context(), lint.Image{Manifest: good.Manifest, Config: []byte("{}"), Layer: good.Layer}},
		"too many layers":  {t.Context(), imageOf(t, many...)},
		"a dead context":   {ended, good},
		"a Linter's error": {t.Context(), good},
	} {
		l := lint.Linter{}
		if name == "a Linter's error" {
			l.Severity = map[string]lint.Severity{"BL000": lint.Off}
		}
		if r, err := l.Image(c.ctx, "bad", c.img); err == nil {
			t.Errorf("%s: %v", name, r.Findings)
		}
	}
}

// TestBadRule wants a rule that panics to be a finding, and the others to run.
func TestBadRule(t *testing.T) {
	rules := append(only("BL004", "BL214"), lint.Rule{ID: "ACME1", Slug: "acme", Severity: lint.Note, Stages: lint.InRoot,
		Check: func(f *lint.Facts, found func(lint.Finding)) { panic("oops") }})
	got := found(t, lint.Linter{Rules: rules}, imageOf(t, tarOf(file("opt/x"))))
	if want := []string{"BL004", "BL214 /opt/x"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for name, r := range map[string]lint.Rule{
		"id":    {ID: "acme", Slug: "a", Severity: lint.Note, Stages: lint.InRoot, Check: func(*lint.Facts, func(lint.Finding)) {}},
		"glob":  {ID: "A1", Slug: "a", Severity: lint.Note, Stages: lint.InRoot, Check: func(*lint.Facts, func(lint.Finding)) {}, Wants: lint.Reading("etc/x")},
		"stars": {ID: "A1", Slug: "a", Severity: lint.Note, Stages: lint.InRoot, Check: func(*lint.Facts, func(lint.Finding)) {}, Wants: lint.Reading("/etc/**x")},
		"check": {ID: "A1", Slug: "a", Severity: lint.Note, Stages: lint.InRoot},
		"taken": only("BL214")[0],
	} {
		if r := (lint.Linter{Rules: append(only("BL214"), r)}).Containerfile(lint.Containerfile{}); r.Err() == nil {
			t.Errorf("%s: a rule that cannot work was taken", name)
		}
	}
}

// TestContainerfileLimits wants hostile scripts to be refused without much ado.
func TestContainerfileLimits(t *testing.T) {
	for name, text := range map[string]string{
		"nesting": "RUN " + strings.Repeat("(", 100_000),
		"size":    "RUN true" + strings.Repeat(" x", 800_000),
		"loops":   "RUN " + strings.Repeat("for a in 1 2 3 4 5 6 7 8 9; do ", 9) + "x; " + strings.Repeat("done; ", 9),
		"braces":  "RUN echo " + strings.Repeat("{a,b,c,d}", 30),
		"shells":  "RUN " + strings.Repeat("sh -c ", 50) + "x",
		"globs":   "COPY " + strings.Repeat("*", 1000) + " /x/",
	} {
		t.Run(name, func(t *testing.T) {
			lint.Linter{}.Containerfile(lint.Containerfile{Text: []byte("FROM x\n" + text + "\n")})
		})
	}
	var b bytes.Buffer
	r := lint.Linter{}.Containerfile(lint.Containerfile{Text: []byte("FROM x\nRUN " + strings.Repeat("(", 1000) + "\n")})
	must(t, r.WriteText(&b, lint.TextOptions{}))
	if !strings.Contains(b.String(), "nested too deeply") {
		t.Errorf("%s", &b)
	}
}
