package registry_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// TestOpen reads the same image wherever it lies.
func TestOpen(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	c := client(r)
	img := makeImage(t, "linux/amd64", 1, 2)
	p, err := c.Push(t.Context(), img, r.Host+"/acme/os")
	if err != nil {
		t.Fatal(err)
	}
	archive := "oci-archive:" + filepath.Join(t.TempDir(), "os.tar")
	if _, err := c.Save(t.Context(), img, archive); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]bootc.Image{
		"fact":      img,
		"layout":    {Location: img.Location},
		"archive":   {Location: archive},
		"reference": {Location: p.Reference()},
		"docker":    {Location: "docker://" + p.Reference()},
		"base":      withoutBase(t, makeImage(t, "linux/amd64", 1, 2), "docker://"+p.Reference()),
	} {
		t.Run(name, func(t *testing.T) {
			image, err := c.Open(t.Context(), at, "")
			if err != nil {
				t.Fatal(err)
			}
			defer image.Close()
			if image.Digest != img.Digest || image.Platform != "linux/amd64" || image.Labels["containers.bootc"] != "1" || len(image.Layers) != 2 {
				t.Errorf("it is %+v", image.Info)
			}
			if !bytes.Contains(image.ConfigData, []byte("containers.bootc")) || image.Manifest.Digest != img.Digest {
				t.Errorf("config %q of manifest %s", image.ConfigData, image.Manifest.Digest)
			}
			for i := range image.Layers {
				if got := tarNames(t, image, i); got != "usr/share/content" {
					t.Errorf("layer %d has %q", i, got)
				}
			}
		})
	}
}

func tarNames(t *testing.T, image *registry.Reader, i int) string {
	t.Helper()
	layer, err := image.Layer(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close()
	z, err := gzip.NewReader(layer)
	if err != nil {
		t.Fatal(err)
	}
	h, err := tar.NewReader(z).Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, z); err != nil {
		t.Fatal(err)
	}
	return h.Name
}

func TestOpenRefuses(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	c := client(r)
	img := makeImage(t, "linux/amd64", 1)
	if _, err := c.Open(t.Context(), img, "linux/arm64"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("another platform: %v", err)
	}
	if _, err := c.Open(t.Context(), bootc.Image{Location: r.Host + "/no/such:1"}, ""); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("no image: %v", err)
	}
	if _, err := c.Open(t.Context(), bootc.Image{Location: "oci:" + t.TempDir()}, ""); err == nil {
		t.Error("an empty directory was opened")
	}
	if _, err := c.Save(t.Context(), img, r.Host+"/acme/os:1"); err == nil {
		t.Error("Save to a registry")
	}

	blob := filepath.Join(dirOf(img), "blobs", "sha256", img.Layers[0].Digest.Encoded())
	if err := os.WriteFile(blob, bytes.Repeat([]byte{7}, int(img.Layers[0].Size)), 0o644); err != nil {
		t.Fatal(err)
	}
	image, err := c.Open(t.Context(), img, "")
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	layer, err := image.Layer(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close()
	if _, err := io.Copy(io.Discard, layer); !errors.Is(err, registry.ErrDigestMismatch) {
		t.Errorf("tampered layer: %v", err)
	}
}

// TestSaveWhole writes the base's blobs too.
func TestSaveWhole(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	c := client(r)
	base := makeImage(t, "linux/amd64", 1, 2)
	p, err := c.Push(t.Context(), base, r.Host+"/acme/base")
	if err != nil {
		t.Fatal(err)
	}
	img := withoutBase(t, makeImage(t, "linux/amd64", 1, 2), "docker://"+p.Reference())
	to := "oci:" + filepath.Join(t.TempDir(), "out") + ":os"
	saved, err := c.Save(t.Context(), img, to)
	if err != nil {
		t.Fatal(err)
	}
	if saved.Location != to || saved.Digest != img.Digest {
		t.Errorf("saved %+v", saved)
	}
	for _, l := range img.Layers {
		if _, err := os.Stat(filepath.Join(dirOf(saved), "blobs", "sha256", l.Digest.Encoded())); err != nil {
			t.Error(err)
		}
	}
}
