package registry_test

import (
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// TestPushLocation pushes images of which only the place is known.
func TestPushLocation(t *testing.T) {
	server := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := registry.Client{InsecureSkipTLSVerify: true}
	img := makeImage(t, "linux/amd64", 1, 2)
	dir := dirOf(img)
	archive := "oci-archive:" + t.TempDir() + "/image.tar"
	first, err := c.Push(t.Context(), img, server.Host+"/first")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pull(t.Context(), first.Reference(), archive, registry.PullOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{"oci:" + dir, "oci:" + dir + ":latest", archive, "docker://" + first.Reference()} {
		p, err := c.Push(t.Context(), bootc.Image{Location: where}, server.Host+"/other")
		if err != nil || p.Digest != img.Digest {
			t.Errorf("%s: pushed %s, %v; want %s", where, p.Digest, err, img.Digest)
		}
	}
	for where, want := range map[string]string{
		"oci:" + dir + ":nobody":                    `0 images of the name "nobody"`,
		"oci:" + t.TempDir():                        "index.json",
		"docker://" + server.Host + "/first:nobody": "not found",
	} {
		if _, err := c.Push(t.Context(), bootc.Image{Location: where}, server.Host+"/other"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", where, err, want)
		}
	}
}
