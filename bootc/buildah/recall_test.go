//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/containerfile"
)

// TestRecall builds the same plan again: with the store out of the way, so that only what was remembered can answer.
func TestRecall(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	e := openAt(t, root, nil)
	base := inspect(t, e, tinyRef(t))
	storage := filepath.Join(root, "root", "storage")
	build := func(p bootc.Plan, o bootc.BuildOptions) (bootc.Image, error) {
		t.Helper()
		return e.Build(t.Context(), p, o)
	}
	p := plan(base, files(), sh("echo one > /usr/lib/one"))
	first, err := build(p, bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}

	if err := os.Rename(storage, storage+".away"); err != nil {
		t.Fatal(err)
	}
	r := &recorder{t: t}
	again, err := build(p, bootc.BuildOptions{OnEvent: r.on})
	if err != nil || again.Digest != first.Digest {
		t.Errorf("built %s, %v; want %s without a build", again.Digest, err, first.Digest)
	}
	steps := r.kinds(bootc.EventStep)
	if len(steps) != 3 || !steps[1].Cached || !steps[2].Cached || steps[2].Text != "RUN echo one > /usr/lib/one" || len(steps[2].Features) != 1 {
		t.Errorf("events %+v", steps)
	}
	if err := os.Rename(storage+".away", storage); err != nil {
		t.Fatal(err)
	}

	// Without the memory, the layer cache comes to the same digest; so does a build without either.
	forget(t, root)
	for name, o := range map[string]bootc.BuildOptions{"layer cache": {}, "no cache": {NoCache: true}} {
		img, err := build(p, o)
		if err != nil || img.Digest != first.Digest {
			t.Errorf("%s: built %s, %v; want %s", name, img.Digest, err, first.Digest)
		}
	}
	// An image that somebody deleted is built again.
	if err := os.RemoveAll(filepath.Join(root, "root", "images")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "root", "images"), 0o700); err != nil {
		t.Fatal(err)
	}
	img, err := build(p, bootc.BuildOptions{})
	if err != nil || img.Digest != first.Digest {
		t.Errorf("built %s, %v; want %s", img.Digest, err, first.Digest)
	}
	if _, err := os.Stat(filepath.Join(root, "root", "images", img.Digest.Encoded())); err != nil {
		t.Error(err)
	}

	other := p
	other.Archives = []bootc.Archive{{Name: "files.tar", Epoch: epoch, Entries: []bootc.Entry{{Path: "/usr/lib/other", Mode: 0o644, Content: bootc.Text("x")}}}}
	if img, err := build(other, bootc.BuildOptions{}); err != nil || img.Digest == first.Digest {
		t.Errorf("another archive gave the same image, or %v", err)
	}
}

// forget removes what an engine remembers of builds.
func forget(t *testing.T, root string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "root", "builds", "*.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%v, %v", found, err)
	}
	for _, name := range found {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecallSecrets builds with other values of a secret: neither what the engine remembers nor the layer cache may
// answer for them.
func TestRecallSecrets(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	p := plan(base, nil, containerfile.Run{
		Command: containerfile.Command{Shell: "wc -c < /run/secrets/token > /usr/lib/length"},
		Mounts:  []containerfile.Mount{{Type: "secret", ID: "token", Required: true}},
	})
	p.Secrets = []string{"token"}
	build := func(value string) (bootc.Image, bool) {
		t.Helper()
		r := &recorder{t: t}
		img, err := e.Build(t.Context(), p, bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{"token": bootc.SecretBytes([]byte(value))}, OnEvent: r.on})
		if err != nil {
			t.Fatal(err)
		}
		steps := r.kinds(bootc.EventStep)
		return img, steps[len(steps)-1].Cached
	}
	one, _ := build("1")
	if other, cached := build("22"); other.Digest == one.Digest || cached {
		t.Errorf("another value gave %s again, cached: %v", other.Digest, cached)
	}
	if again, cached := build("1"); again.Digest != one.Digest || !cached {
		t.Errorf("the same value gave %s, want %s; cached: %v", again.Digest, one.Digest, cached)
	}
	if _, err := e.Build(t.Context(), p, bootc.BuildOptions{}); err == nil || !strings.Contains(err.Error(), `secret "token"`) {
		t.Errorf("a missing value gave %v", err)
	}
}

// TestRecallNeedsDigests lists plans whose result may change though they do not.
func TestRecallNeedsDigests(t *testing.T) {
	t.Parallel()
	base := bootc.Base{Ref: "quay.io/acme/base:1", Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
	const pin = "quay.io/acme/tools@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	withStage := func(from string) bootc.Plan {
		p := plan(base, nil, containerfile.Copy{From: "tools", Sources: []string{"/x"}, Dest: "/x"})
		p.Containerfile.Stages = append([]containerfile.Stage{{From: from, Name: "tools"}}, p.Containerfile.Stages...)
		return p
	}
	for name, c := range map[string]struct {
		plan bootc.Plan
		want bool
	}{
		"base by digest":         {plan(base, nil, sh("true")), true},
		"base by tag":            {plan(bootc.Base{Ref: base.Ref}, nil, sh("true")), false},
		"stage by digest":        {withStage(pin), true},
		"stage by tag":           {withStage("quay.io/acme/tools:1"), false},
		"scratch stage":          {withStage("scratch"), true},
		"copy from an image":     {plan(base, nil, containerfile.Copy{From: "quay.io/acme/tools:1", Sources: []string{"/x"}, Dest: "/x"}), false},
		"mount from an image":    {plan(base, nil, containerfile.Run{Mounts: []containerfile.Mount{{Type: "bind", From: "quay.io/acme/tools:1", Target: "/mnt"}}}), false},
		"address":                {plan(base, nil, containerfile.Add{Sources: []string{"https://example.com/x"}, Dest: "/x"}), false},
		"address with a digest":  {plan(base, nil, containerfile.Add{Sources: []string{"https://example.com/x"}, Dest: "/x", Checksum: "sha256:00"}), true},
		"text that nobody reads": {plan(base, nil, containerfile.Raw("ADD https://example.com/x /x")), false},
	} {
		if got := buildah.Closed(c.plan); got != c.want {
			t.Errorf("%s: closed is %v", name, got)
		}
	}
}
