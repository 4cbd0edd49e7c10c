//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.podman.io/image/v5/signature/sigstore"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/lint"
)

func hybrid(t testing.TB, root string, change func(*buildah.Options)) *buildah.Engine {
	t.Helper()
	testkit.NeedRoot(t)
	return openAt(t, root, func(o *buildah.Options) {
		o.NoDirect = false
		if change != nil {
			change(o)
		}
	})
}

// images are those of the engine's store.
func images(t testing.TB, e *buildah.Engine) int {
	t.Helper()
	store, err := e.Store()
	if err != nil {
		t.Fatal(err)
	}
	all, err := store.Images()
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestHybridPulls: the base is pulled when something runs on it, or somebody looks into it.
func TestHybridPulls(t *testing.T) {
	t.Parallel()
	e := hybrid(t, t.TempDir(), nil)
	base := inspect(t, e, tinyRef(t))
	img, err := e.Build(t.Context(), plan(base, files()), bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(img.Layers) != 3 || images(t, e) != 0 {
		t.Errorf("%d layers, %d images in the store", len(img.Layers), images(t, e))
	}
	if b, err := fs.ReadFile(base.Files, "etc/os-release"); err != nil || len(b) == 0 || images(t, e) != 1 {
		t.Errorf("a file of the base: %d bytes, %v; %d images in the store", len(b), err, images(t, e))
	}
}

// TestHybridLooksOnce: the second look into a base needs no worker, as long as the store has it.
func TestHybridLooksOnce(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	run, storage := filepath.Join(root, "run"), filepath.Join(root, "root", "storage")
	e := hybrid(t, root, nil)
	look := func(o bootc.BuildOptions) error {
		base, err := e.Inspect(t.Context(), tinyRef(t), o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fs.ReadFile(base.Files, "etc/os-release")
		return err
	}
	if err := look(bootc.BuildOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(run, run+"-gone"); err != nil { // no worker starts without
		t.Fatal(err)
	}
	if err := look(bootc.BuildOptions{}); err != nil {
		t.Errorf("the second look: %v", err)
	}
	if err := look(bootc.BuildOptions{Pull: bootc.PullAlways}); err == nil {
		t.Error("what should be pulled again is not")
	}
	if err := os.Rename(storage, storage+"-gone"); err != nil {
		t.Fatal(err)
	}
	if err := look(bootc.BuildOptions{}); err == nil {
		t.Error("files of a base that is gone")
	}
}

// TestHybridRuns: what follows the last step that runs is added, and changes nothing before it.
func TestHybridRuns(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	e := hybrid(t, root, nil)
	base := inspect(t, e, tinyRef(t))
	var digests []string
	for i := range 2 {
		p := plan(base, nil, sh("mkdir -m 0711 /usr/made && echo made >/usr/made/a"), containerfile.Add{Sources: []string{"tail.tar"}, Dest: "/"})
		p.Archives = []bootc.Archive{{Name: "tail.tar", Epoch: epoch, Entries: []bootc.Entry{{Path: "/usr/made/b", Mode: 0o644, Content: bootc.Text(fmt.Sprint(i))}}}}
		r := &recorder{t: t}
		img, err := e.Build(t.Context(), p, bootc.BuildOptions{OnEvent: r.on})
		if err != nil {
			t.Fatal(err)
		}
		if ran := slices.ContainsFunc(r.kinds(bootc.EventStep), func(ev bootc.Event) bool { return ev.Text[:3] == "RUN" && !ev.Cached }); ran != (i == 0) {
			t.Errorf("build %d: it ran: %t", i, ran)
		}
		out := filepath.Join(t.TempDir(), "out")
		if img, err = e.Build(t.Context(), p, bootc.BuildOptions{Output: "oci:" + out}); err != nil {
			t.Fatal(err)
		}
		layers, err := testkit.LayerEntries(out)
		if err != nil {
			t.Fatal(err)
		}
		wantLayer(t, layers[3], "5 755 0:0 usr", "5 711 0:0 usr/made", "0 644 0:0 usr/made/b") // as the step made it
		digests = append(digests, img.Layers[2].Digest.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("what ran is %v", digests)
	}
	left(t, e)
}

// TestHybridLint: the whole image is checked, not the part that ran, and its findings stop the build.
func TestHybridLint(t *testing.T) {
	t.Parallel()
	var reports []lint.Report
	e := hybrid(t, t.TempDir(), func(o *buildah.Options) {
		o.SkipLint, o.Lint = false, lint.Linter{Rules: rules("BL105", "BL118")}
		o.OnReport = func(r lint.Report) { reports = append(reports, r) }
	})
	base := inspect(t, e, tinyRef(t))
	p := plan(base, nil, sh("mkfifo /usr/lib/pipe"), containerfile.Add{Sources: []string{"tail.tar"}, Dest: "/"})
	p.Archives = []bootc.Archive{{Name: "tail.tar", Epoch: epoch, Entries: files()}}
	_, err := e.Build(t.Context(), p, bootc.BuildOptions{})
	found, ok := errors.AsType[*lint.FindingsError](err)
	if !ok || found.Report.Findings[0].Rule != "BL118" || found.Report.Findings[0].Source == nil {
		t.Fatalf("built: %v", err)
	}
	if len(reports) != 2 {
		t.Errorf("%d reports, of the plan and of the image", len(reports))
	}
	left(t, e)
}

// TestHybridFetchesOnce: the base of a step that runs is downloaded once, though its layers are checked as well.
func TestHybridFetchesOnce(t *testing.T) {
	t.Parallel()
	reg := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	push(t, clientOf(reg), reg.Host+"/acme/base:1", "")
	reports := 0
	e := hybrid(t, t.TempDir(), func(o *buildah.Options) {
		o.Registry, o.SkipLint, o.Lint = clientOf(reg), false, lint.Linter{Rules: rules("BL118")}
		o.OnReport = func(lint.Report) { reports++ }
	})
	reg.Reset()
	p := withTail(plan(inspect(t, e, reg.Host+"/acme/base:1"), nil, sh("echo made >/usr/lib/made")), "tail")
	img, err := e.Build(t.Context(), p, bootc.BuildOptions{})
	if err != nil || reports != 2 {
		t.Fatalf("%d reports, %v", reports, err)
	}
	var base int64
	for _, l := range img.Layers {
		if l.FromBase {
			base += l.Size
		}
	}
	if got := reg.Downloaded(); got < base || got > base+64<<10 {
		t.Errorf("%d bytes were downloaded, and the base's layers have %d", got, base)
	}
}

// TestHybridPolicy: a base is checked before files are added to it, by the name that the Spec has.
func TestHybridPolicy(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	reg := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	client := clientOf(reg)
	keys, err := sigstore.GenerateKeyPair([]byte("pass"))
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, keys.PrivateKey, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sigstore.NewSigner(sigstore.WithPrivateKeyFile(key, []byte("pass")))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	signed, unsigned := reg.Host+"/acme/signed:1", reg.Host+"/acme/unsigned:1"
	push(t, client, signed, "", s)
	push(t, client, unsigned, "")
	policy := &buildah.Policy{JSON: fmt.Appendf(nil,
		`{"default": [{"type": "reject"}], "transports": {"docker": {"%s": [{"type": "sigstoreSigned", "keyData": "%s"}]}}}`,
		reg.Host, base64.StdEncoding.EncodeToString(keys.PublicKey))}
	strict := hybrid(t, t.TempDir(), func(o *buildah.Options) { o.Registry, o.Policy = client, policy })
	for range 2 { // the second time it is remembered
		if _, err := strict.Build(t.Context(), plan(inspect(t, strict, signed), files()), bootc.BuildOptions{}); err != nil {
			t.Errorf("on a signed base: %v", err)
		}
	}
	for _, ref := range []string{unsigned, tinyRef(t)} {
		if _, err := strict.Inspect(t.Context(), ref, bootc.BuildOptions{}); !errors.Is(err, buildah.ErrUntrusted) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	lax := hybrid(t, t.TempDir(), func(o *buildah.Options) { o.Registry = client })
	if _, err := strict.Build(t.Context(), plan(inspect(t, lax, unsigned), files()), bootc.BuildOptions{}); !errors.Is(err, buildah.ErrUntrusted) {
		t.Errorf("on an unsigned base: %v", err)
	}
	left(t, strict)
}
