package registry_test

import (
	"strings"
	"testing"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// TestDiff predicts what a pull of the second image fetches, when the first is there: blobs to the byte.
func TestDiff(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	c := client(r)
	var refs []string
	for i, seeds := range [][]uint64{{1, 2, 3}, {1, 2, 4}} {
		p, err := c.Push(t.Context(), makeImage(t, "linux/amd64", seeds...), r.Host+"/acme/os")
		if err != nil {
			t.Fatal(err, i)
		}
		refs = append(refs, p.Reference())
	}
	u, err := c.Diff(t.Context(), refs[0], refs[1], "")
	if err != nil {
		t.Fatal(err)
	}
	if len(u.Fetch) != 1 || len(u.Keep) != 2 {
		t.Errorf("%+v", u)
	}
	dir := "oci:" + t.TempDir()
	if _, err := c.Pull(t.Context(), refs[0], dir+":a", registry.PullOptions{}); err != nil {
		t.Fatal(err)
	}
	before := len(r.Requests())
	if _, err := c.Pull(t.Context(), refs[1], dir+":b", registry.PullOptions{}); err != nil {
		t.Fatal(err)
	}
	var blobs, manifest int64
	for _, q := range r.Requests()[before:] {
		if q.Method == "GET" && q.Status == 200 {
			if strings.Contains(q.Path, "/manifests/") {
				manifest = q.Out
			} else if strings.Contains(q.Path, "/blobs/") {
				blobs += q.Out
			}
		}
	}
	config := u.Metadata - manifest
	if blobs+manifest != u.Bytes()+config { // our own Pull reads the config twice: once to choose, once to keep
		t.Errorf("fetched %d + %d bytes, predicted %d", blobs, manifest, u.Bytes())
	}
	if same, err := c.Diff(t.Context(), refs[0], refs[0], ""); err != nil || same.Bytes() != 0 {
		t.Errorf("an image and itself: %+v %v", same, err)
	}
	if _, err := c.Diff(t.Context(), refs[0], r.Host+"/acme/none:1", ""); err == nil {
		t.Error("an image that is not there")
	}
}
