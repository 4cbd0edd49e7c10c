package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// TestUpdate has podman, which the agent on a device pulls with, fetch an image and then the one after a change of its
// configuration: what it downloads is what Diff predicted, to the byte, and hardly more than what changed.
func TestUpdate(t *testing.T) {
	t.Parallel()
	v := testkit.NewVerifiers(t)
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := registry.Client{InsecureSkipTLSVerify: true, Anonymous: true}
	e, err := direct.Open(direct.Options{Root: t.TempDir(), SkipLint: true}) // the base does not boot
	if err != nil {
		t.Fatal(err)
	}
	spec := bootc.From("oci:"+testkit.Base(t, testkit.Tiny)).
		With(bootc.File{Path: "/usr/bin/agent", Content: bootc.Bytes(noise(3 << 20)), Mode: 0o755}).
		Unit("agent.service", "[Service]\nExecStart=/usr/bin/agent\n[Install]\nWantedBy=multi-user.target\n")
	var refs []string
	changed := 200 << 10
	for i := range 2 {
		content := noise(changed)
		content[0] = byte(i)
		img, err := bootc.Build(t.Context(), e, spec.With(bootc.File{Path: "/usr/share/acme/sites.db", Content: bootc.Bytes(content)}), bootc.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Publish(t.Context(), img, r.Host+"/acme/os", registry.PublishOptions{Unsigned: true})
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, p.Reference())
	}
	u, err := c.Diff(t.Context(), refs[0], refs[1], "")
	if err != nil {
		t.Fatal(err)
	}
	if costs := u.Costs(); len(costs) != 1 || strings.Join(costs[0].Features, "+") != "Unit+File" {
		t.Errorf("costs %+v", costs)
	}

	store := v.With("/var/lib/containers", t.TempDir())
	pulled(t, store, r, refs[0])
	if got := pulled(t, store, r, refs[1]); got != u.Bytes() {
		t.Errorf("podman fetched %d bytes, Diff says %d: %+v", got, u.Bytes(), u)
	}
	if layers := u.Bytes() - u.Metadata; layers > int64(changed)*105/100 {
		t.Errorf("%d bytes of layers for a change of %d", layers, changed)
	}
}

// pulled has podman pull an image, and returns the bytes that it got.
func pulled(t *testing.T, store testkit.Verifiers, r *testkit.Registry, ref string) int64 {
	t.Helper()
	before := len(r.Requests())
	if out, errs, err := store.Podman(t.Context(), "pull", "-q", "--tls-verify=false", ref); err != nil {
		t.Fatal(err, out, errs)
	}
	var blobs, manifest int64
	for _, q := range r.Requests()[before:] {
		switch {
		case q.Method != "GET" || q.Status != 200:
		case strings.Contains(q.Path, "/manifests/"):
			manifest = q.Out // the same one, however often it asks
		case strings.Contains(q.Path, "/blobs/"):
			blobs += q.Out
		}
	}
	return blobs + manifest
}

// TestUpdateOfOneInMany has podman fetch an image of many features with Spec.Layers, and then those in which one feature has
// changed, one has come and one has gone: each costs that feature and the metadata.
func TestUpdateOfOneInMany(t *testing.T) {
	t.Parallel()
	v := testkit.NewVerifiers(t)
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := registry.Client{InsecureSkipTLSVerify: true, Anonymous: true}
	e, err := direct.Open(direct.Options{Root: t.TempDir(), SkipLint: true})
	if err != nil {
		t.Fatal(err)
	}
	const size = 16 << 10
	random := noise(64 * size)
	var features []bootc.Feature
	for i := range 60 {
		name, content := fmt.Sprintf("app%02d", i), random[i*size:(i+1)*size]
		if i%2 == 0 {
			features = append(features, bootc.File{Path: "/usr/share/acme/" + name, Content: bootc.Bytes(content)})
		} else {
			features = append(features, bootc.Tree{Path: "/usr/lib/" + name, FS: fstest.MapFS{"data/model": {Data: content[:size/2]}, "conf": {Data: content[size/2:]}}})
		}
	}
	changed := slices.Clone(features)
	changed[30] = bootc.File{Path: "/usr/share/acme/app30", Content: bootc.Bytes(random[60*size : 61*size])}
	more := append([]bootc.Feature{bootc.File{Path: "/usr/share/acme/another", Content: bootc.Bytes(random[61*size : 62*size])}}, changed...)
	store := v.With("/var/lib/containers", t.TempDir())
	last := ""
	for _, next := range []struct {
		name     string
		features []bootc.Feature
		most     int64 // bytes of layers
	}{
		{"the first", features, 64 * size}, {"one changed", changed, size * 105 / 100}, {"one more", more, size * 105 / 100}, {"one less", more[:len(more)-1], 0},
	} {
		img, err := bootc.Build(t.Context(), e, bootc.From("oci:"+testkit.Base(t, testkit.Tiny)).With(next.features...).InLayers(100), bootc.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Publish(t.Context(), img, r.Host+"/acme/os", registry.PublishOptions{Unsigned: true})
		if err != nil {
			t.Fatal(err)
		}
		got := pulled(t, store, r, p.Reference())
		if last != "" {
			u, err := c.Diff(t.Context(), last, p.Reference(), "")
			if err != nil {
				t.Fatal(err)
			}
			if layers := u.Bytes() - u.Metadata; layers > next.most {
				t.Errorf("%s: %d bytes of layers, want at most %d", next.name, layers, next.most)
			}
			if got != u.Bytes() {
				t.Errorf("%s: podman fetched %d bytes, Diff says %d", next.name, got, u.Bytes())
			}
		}
		last = p.Reference()
	}
}
