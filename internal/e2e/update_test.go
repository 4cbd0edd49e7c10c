package e2e

import (
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// TestUpdate has podman, which the agent on a device pulls with, fetch an image and then the one after a change of its
// configuration: what it downloads is what Diff predicted, to the byte, and hardly more than what changed.
func TestUpdate(t *testing.T) {
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
	pull := func(ref string) (blobs, manifests int64) {
		before := len(r.Requests())
		if out, errs, err := store.Podman(t.Context(), "pull", "-q", "--tls-verify=false", ref); err != nil {
			t.Fatal(err, out, errs)
		}
		for _, q := range r.Requests()[before:] {
			switch {
			case q.Method != "GET" || q.Status != 200:
			case strings.Contains(q.Path, "/manifests/"):
				manifests = q.Out // the same one, however often it asks
			case strings.Contains(q.Path, "/blobs/"):
				blobs += q.Out
			}
		}
		return blobs, manifests
	}
	pull(refs[0])
	blobs, manifest := pull(refs[1])
	if blobs+manifest != u.Bytes() {
		t.Errorf("podman fetched %d + %d bytes, Diff says %d: %+v", blobs, manifest, u.Bytes(), u)
	}
	if layers := u.Bytes() - u.Metadata; layers > int64(changed)*105/100 {
		t.Errorf("%d bytes of layers for a change of %d", layers, changed)
	}
}
