//go:build linux

package diskimage

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// published is a registry with images in it.
type published struct {
	client registry.Client
	host   string
}

func newPublished(t testing.TB) published {
	t.Helper()
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "acme", Password: "secret password"})
	return published{registry.Client{
		CA: r.CA, Anonymous: true, Credentials: map[string]registry.Credential{r.Host: {Username: r.Username, Password: r.Password}},
	}, r.Host}
}

var bootable = map[string]string{"containers.bootc": "1"}

// layout makes a small image.
func layout(t testing.TB, platform string, labels map[string]string) bootc.Image {
	t.Helper()
	dir := t.TempDir()
	arch := strings.TrimPrefix(platform, "linux/")
	d, err := testkit.WriteLayout(dir, v1.Image{Platform: v1.Platform{OS: "linux", Architecture: arch}, Config: v1.ImageConfig{Labels: labels}},
		func(tw *tar.Writer) error {
			const text = "ID=centos\nVERSION_ID=10\n"
			if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/os-release", Mode: 0o644, Size: int64(len(text))}); err != nil {
				return err
			}
			_, err := tw.Write([]byte(text))
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	return bootc.Image{Location: "oci:" + dir, Digest: d.Digest, Platform: platform}
}

// publish pushes a small image and returns what Publish would.
func (p published) publish(t testing.TB, repository, platform string, labels map[string]string) registry.Published {
	t.Helper()
	pub, err := p.client.Push(t.Context(), layout(t, platform, labels), p.host+"/"+repository)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// bench is a place to build in with the stand-in.
type bench struct {
	published
	dir    string // of the stand-in
	o      BuildOptions
	mu     sync.Mutex
	events []bootc.Event
}

func newBench(t *testing.T, p play) *bench {
	t.Helper()
	b := &bench{published: newPublished(t), dir: t.TempDir()}
	t.Setenv("PATH", stage(t, "podman")+":"+os.Getenv("PATH"))
	t.Setenv(standInEnv, b.dir)
	b.play(t, p)
	transcript, err := os.ReadFile("testdata/transcript/debug.log")
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, "debug.log"), transcript, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	b.o = BuildOptions{Output: filepath.Join(out, "disk"), WorkDir: t.TempDir(), Registry: b.client, IgnoreFreeSpace: true, OnEvent: func(e bootc.Event) {
		if !b.mu.TryLock() {
			t.Error("events overlap")
			return
		}
		defer b.mu.Unlock()
		b.events = append(b.events, e)
	}}
	t.Cleanup(func() {
		for _, dir := range []string{b.o.WorkDir, out} {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Error(err)
			}
			for _, e := range entries {
				if e.Name() != "disk" {
					t.Errorf("%s is left in %s", e.Name(), dir)
				}
			}
		}
		if left, _ := filepath.Glob(filepath.Join(b.dir, "*.pid")); len(left) > 0 {
			t.Errorf("containers run on: %q", left)
		}
	})
	return b
}

func (b *bench) play(t *testing.T, p play) {
	t.Helper()
	if p.Store == "" {
		p.Store = filepath.Join(b.dir, "graphroot")
		if err := os.MkdirAll(p.Store, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, "play.json"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// spec is the least Spec, of an image that is there.
func (b *bench) spec(t *testing.T) Spec {
	t.Helper()
	return From(b.publish(t, "acme/edge-os", "linux/amd64", bootable)).As(QCOW2)
}

// recorded are the lines that the stand-in has written to a file.
func (b *bench) recorded(name string) []string {
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// runs are the podman command lines that begin with word.
func (b *bench) runs(word string) []string {
	return slices.DeleteFunc(b.recorded("calls"), func(s string) bool { return !strings.HasPrefix(s, word) })
}

// fieldPaths are the paths of all mistakes in err.
func fieldPaths(err error) []string {
	var out []string
	for _, e := range bootc.FieldErrors(err) {
		out = append(out, e.Path)
	}
	return out
}

// toolError is the ToolError in err.
func toolError(t *testing.T, err error) *ToolError {
	t.Helper()
	e, ok := errors.AsType[*ToolError](err)
	if !ok {
		t.Fatalf("%v is no *ToolError", err)
	}
	return e
}
