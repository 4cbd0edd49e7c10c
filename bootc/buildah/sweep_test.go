//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.podman.io/buildah/define"
	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
)

// TestSweep puts things of others beside those of a dead session, and looks what is left.
func TestSweep(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	e := openAt(t, root, nil)
	inspect(t, e, tinyRef(t))
	store, err := e.Store()
	if err != nil {
		t.Fatal(err)
	}
	images, err := store.Images()
	if err != nil || len(images) != 1 {
		t.Fatal(images, err)
	}
	container := func(name string) {
		t.Helper()
		if _, err := store.CreateContainer("", []string{name}, images[0].ID, "", "", nil); err != nil {
			t.Fatal(err)
		}
	}
	container("mine")
	container("base-bootloom-aaaaaaaaaaaaaaaa")
	container("base-bootloom-bbbbbbbbbbbbbbbb")
	hex := strings.Repeat("0123456789abcdef", 4)
	for _, name := range []string{"docker.io/library/" + hex + "-tmp:latest", "localhost/kept-tmp:latest"} {
		if _, err := store.CreateImage("", []string{name}, images[0].TopLayer, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	dirs := map[string]bool{ // and whether a sweep spares them
		filepath.Join(root, "root/tmp/bootloom-aaaaaaaaaaaaaaaa"): false,
		filepath.Join(root, "root/tmp/bootloom-bbbbbbbbbbbbbbbb"): true,
		filepath.Join(root, "root/tmp/mine"):                      true,
		filepath.Join(root, "run/bootloom-aaaaaaaaaaaaaaaa"):      false,
		filepath.Join(root, "root/images/.aaaaaaaaaaaaaaaa.1"):    false,
		filepath.Join(root, "outside"):                            true,
	}
	for dir := range dirs {
		if err := os.MkdirAll(filepath.Join(dir, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	session := func(id, temp string) *os.File {
		t.Helper()
		f, err := os.Create(filepath.Join(root, "root/sessions", id))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		f.WriteString(`{"ID":"` + id + `","Temp":"` + temp + `","Run":"` + root + "/run/bootloom-" + id + `"}`)
		return f
	}
	session("aaaaaaaaaaaaaaaa", root+"/root/tmp/bootloom-aaaaaaaaaaaaaaaa")
	session("cccccccccccccccc", root+"/outside") // a file that lies about what it owns
	session("dddddddddddddddd", "")
	alive := session("bbbbbbbbbbbbbbbb", root+"/root/tmp/bootloom-bbbbbbbbbbbbbbbb")
	if err := unix.Flock(int(alive.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	names := func() (out []string) {
		containers, err := store.Containers()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range containers {
			out = append(out, c.Names...)
		}
		images, err := store.Images()
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range images {
			for _, name := range i.Names {
				if strings.Contains(name, "-tmp") {
					out = append(out, name)
				}
			}
		}
		slices.Sort(out)
		return out
	}
	openAt(t, root, nil)
	want := []string{"base-bootloom-bbbbbbbbbbbbbbbb", "docker.io/library/" + hex + "-tmp:latest", "localhost/kept-tmp:latest", "mine"}
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("beside a living session: %q, want %q", got, want)
	}
	for dir, spared := range dirs {
		if _, err := os.Stat(dir); (err == nil) != spared {
			t.Errorf("%s: %v", dir, err)
		}
	}
	alive.Close()
	openAt(t, root, nil)
	if got, want := names(), []string{"localhost/kept-tmp:latest", "mine"}; !slices.Equal(got, want) {
		t.Errorf("alone: %q, want %q", got, want)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	e, other := openAt(t, root, nil), openAt(t, root, nil)
	store, err := e.Store()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := e.Store(); err != nil || again != store {
		t.Errorf("second Store: %v, %v", again, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := e.Store(); !errors.Is(err, buildah.ErrClosed) {
		t.Errorf("Store after Close: %v", err)
	}
	if _, err := e.Inspect(t.Context(), tinyRef(t), bootc.BuildOptions{}); !errors.Is(err, buildah.ErrClosed) {
		t.Errorf("Inspect after Close: %v", err)
	}
	if _, err := e.Build(t.Context(), plan(bootc.Base{Ref: "scratch"}, files()), bootc.BuildOptions{}); !errors.Is(err, buildah.ErrClosed) {
		t.Errorf("Build after Close: %v", err)
	}
	if _, err := other.Build(t.Context(), plan(inspect(t, other, tinyRef(t)), files()), bootc.BuildOptions{}); err != nil {
		t.Errorf("the other engine: %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), root) {
		t.Errorf("mounts left after Close: %v", err)
	}
}

func TestTune(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	e := openAt(t, root, func(o *buildah.Options) {
		o.Tune = func(o *define.BuildOptions) {
			o.Labels = append(o.Labels, "tuned=yes")
			o.CommonBuildOpts.AddHost = []string{"acme.example:127.0.0.9"}
		}
	})
	base := inspect(t, e, tinyRef(t))
	r := &recorder{t: t}
	if _, err := e.Build(t.Context(), plan(base, nil, sh("grep acme /etc/hosts")), bootc.BuildOptions{OnEvent: r.on, Output: "oci:" + root + "/out"}); err != nil {
		t.Fatalf("%v %+v", err, r.events)
	}
	if !slices.ContainsFunc(r.kinds(bootc.EventStep), func(e bootc.Event) bool { return strings.Contains(e.Text, "tuned") }) {
		t.Errorf("no label: %+v", r.kinds(bootc.EventStep))
	}
	bad := openAt(t, root, func(o *buildah.Options) {
		o.Tune = func(o *define.BuildOptions) { o.Log = func(string, ...any) {} }
	})
	if _, err := bad.Build(t.Context(), plan(base, files()), bootc.BuildOptions{}); err == nil || !strings.Contains(err.Error(), "Options.Tune sets Log") {
		t.Errorf("a function: %v", err)
	}
	left(t, bad)
}
