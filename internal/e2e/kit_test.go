package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/internal/testkit"
)

// All tests share one engine, so that each base is unpacked into a store only once.
var shared struct {
	sync.Mutex
	dir    string
	engine *buildah.Engine
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.engine != nil {
		shared.engine.Close()
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

func engine(t testing.TB) *buildah.Engine {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.engine != nil {
		return shared.engine
	}
	testkit.NeedRoot(t)
	dir, err := os.MkdirTemp("", "bootloom-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	shared.dir = dir
	shared.engine = open(t, dir)
	return shared.engine
}

func open(t testing.TB, dir string) *buildah.Engine {
	t.Helper()
	e, err := buildah.Open(buildah.Options{Root: filepath.Join(dir, "root"), RunRoot: filepath.Join(dir, "run")})
	testkit.Need(t, "the engine's build tags: see the Makefile", !errors.Is(err, buildah.ErrNotBuiltIn))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// from starts a Spec on the base that has both apt and dnf.
func from(t testing.TB) bootc.Spec {
	t.Helper()
	testkit.NeedRoot(t)
	return bootc.From("oci:" + testkit.Base(t, testkit.DNF))
}

// built is an image and what its build said.
type built struct {
	bootc.Image
	layers []map[string]file // those that the base does not have
	files  map[string]file   // the layers on top of each other, whiteouts as files "etc/.wh.motd"
	events []bootc.Event
}

// file is an entry of a layer.
type file struct {
	kind     byte // of the tar
	mode     int64
	uid, gid int
	link     string
	data     string
	mtime    int64
}

// String has what tests compare.
func (f file) String() string {
	kinds := map[byte]rune{tar.TypeReg: '-', tar.TypeDir: 'd', tar.TypeSymlink: 'l', tar.TypeLink: 'h'}
	s := fmt.Sprintf("%c %04o %d:%d", kinds[f.kind], f.mode, f.uid, f.gid)
	if f.link != "" {
		s += " -> " + f.link
	}
	return s
}

// log is what the steps printed.
func (b built) log() string {
	var out strings.Builder
	for _, e := range b.events {
		if e.Kind == bootc.EventLog {
			out.WriteString(e.Text + "\n")
		}
	}
	return out.String()
}

// names lists what there is but directories and whiteouts, without what has one of the given prefixes.
func (b built) names(without ...string) []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name, f := range b.files {
			if f.kind != tar.TypeDir && !strings.Contains(name, "/.wh.") && !slices.ContainsFunc(without, func(p string) bool { return strings.HasPrefix(name, p) }) && !yield(name) {
				return
			}
		}
	})
}

// try builds a spec with a package tool, and returns what happened so far if it fails.
func try(t testing.TB, e bootc.Engine, tool bootc.PackageTool, s bootc.Spec, o bootc.BuildOptions) (built, error) {
	t.Helper()
	base, err := e.Inspect(t.Context(), s.Base, o)
	if err != nil {
		t.Fatal(err)
	}
	base.Tool = tool
	plan, err := s.Compile(base)
	if err != nil {
		t.Fatal(err)
	}
	var b built
	o.OnEvent = func(ev bootc.Event) { b.events = append(b.events, ev) }
	began := time.Now()
	if b.Image, err = e.Build(t.Context(), plan, o); err != nil {
		return b, err
	}
	t.Logf("built in %.1fs", time.Since(began).Seconds())
	seen := look(t, b.Image)
	b.layers, b.files = seen.layers, seen.files
	return b, nil
}

// look reads the layers of an image that its base does not have.
func look(t testing.TB, img bootc.Image) built {
	t.Helper()
	b := built{Image: img}
	b.layers = layers(t, b.Image)
	b.files = map[string]file{}
	for _, l := range b.layers {
		for name := range l {
			dir, base := path.Split(name)
			gone, ok := strings.CutPrefix(base, ".wh.")
			if ok {
				maps.DeleteFunc(b.files, func(n string, _ file) bool { return n == dir+gone || strings.HasPrefix(n, dir+gone+"/") })
			} else {
				delete(b.files, dir+".wh."+base)
			}
		}
		maps.Copy(b.files, l)
	}
	return b
}

// build is try for a spec that must build.
func build(t testing.TB, tool bootc.PackageTool, s bootc.Spec) built {
	t.Helper()
	b, err := try(t, engine(t), tool, s, bootc.BuildOptions{})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log())
	}
	return b
}

// refused builds a spec that must fail, with an error that says each of these.
func refused(t testing.TB, tool bootc.PackageTool, s bootc.Spec, says ...string) {
	t.Helper()
	b, err := try(t, engine(t), tool, s, bootc.BuildOptions{})
	if err == nil {
		t.Fatalf("it builds:\n%s", b.log())
	}
	for _, want := range says {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	for _, e := range b.events {
		if e.Op == "commit" {
			t.Error("it was committed")
		}
	}
}

// layers reads the layers that the engine added.
func layers(t testing.TB, img bootc.Image) []map[string]file {
	t.Helper()
	dir, ok := strings.CutPrefix(img.Location, "oci:")
	if !ok {
		t.Fatalf("%s is no layout", img.Location)
	}
	dir, _, _ = strings.Cut(dir, ":")
	var out []map[string]file
	for _, l := range img.Layers {
		if l.FromBase {
			continue
		}
		f, err := os.Open(filepath.Join(dir, "blobs", "sha256", l.Digest.Encoded()))
		if err != nil {
			t.Fatal(err)
		}
		gz, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		files, err := untar(tar.NewReader(gz))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		out = append(out, files)
	}
	return out
}

func untar(r *tar.Reader) (map[string]file, error) {
	files := map[string]file{}
	for {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		var data bytes.Buffer
		if _, err := io.Copy(&data, r); err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if _, twice := files[name]; twice {
			return nil, fmt.Errorf("%s is in the layer twice", name)
		}
		files[name] = file{h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, data.String(), h.ModTime.Unix()}
	}
}

// same compares two sorted lists.
func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("%s: %s is too much", what, g)
		}
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%s: %s is missing", what, w)
		}
	}
}

func manifestOf(t testing.TB, img bootc.Image) (m v1.Manifest) {
	t.Helper()
	readBlob(t, img, img.Digest, &m)
	return m
}

func configOf(t testing.TB, img bootc.Image) (c v1.Image) {
	t.Helper()
	readBlob(t, img, manifestOf(t, img).Config.Digest, &c)
	return c
}

func readBlob(t testing.TB, img bootc.Image, d digest.Digest, v any) {
	t.Helper()
	dir, _, _ := strings.Cut(strings.TrimPrefix(img.Location, "oci:"), ":")
	b, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", d.Encoded()))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// noise does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}
