package registry_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// TestOpen reads an image from a layout and from a registry, whole or with the base's layer elsewhere.
func TestOpen(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "robot", Password: "s3cret-word"})
	whole, split := makeImage(t, "linux/amd64", 1, 2), makeImage(t, "linux/amd64", 1, 2)
	pushed, err := client(r).Push(t.Context(), whole, r.Host+"/acme/edge")
	if err != nil {
		t.Fatal(err)
	}
	m, err := client(r).GetManifest(t.Context(), pushed.Reference())
	if err == nil {
		err = client(r).PutManifest(t.Context(), r.Host+"/acme/edge:latest", m)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, img := range map[string]bootc.Image{
		"layout":         whole,
		"location only":  {Location: whole.Location, Platform: "linux/amd64"},
		"tag":            {Location: "docker://" + r.Host + "/acme/edge", Platform: "linux/amd64"},
		"digest":         {Location: "docker://" + pushed.Reference(), Platform: "linux/amd64"},
		"base elsewhere": withoutBase(t, split, "docker://"+pushed.Reference()),
	} {
		t.Run(name, func(t *testing.T) {
			o, err := client(r).Open(t.Context(), img)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			m, config, err := o.Image(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Layers) != 2 || len(config.RootFS.DiffIDs) != 2 || o.Info.Digest != whole.Digest {
				t.Fatalf("opened %v with %v", o.Info, m)
			}
			for _, l := range m.Layers {
				b, err := o.Blob(t.Context(), l)
				if err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, b)
				if err != nil || n != l.Size {
					t.Errorf("%d bytes, %v; want %d", n, err, l.Size)
				}
				b.Close()
			}
		})
	}
}

// TestOpenErrors wants the sentinel for what is not there, and no whole blob that is wrong.
func TestOpenErrors(t *testing.T) {
	img := makeImage(t, "linux/amd64", 1)
	if _, err := (registry.Client{}).Open(t.Context(), bootc.Image{Location: img.Location, Platform: "linux/arm64"}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("another platform: %v", err)
	}
	if _, err := (registry.Client{}).Open(t.Context(), bootc.Image{Location: "oci:" + t.TempDir()}); err == nil {
		t.Error("an empty directory was opened")
	}
	o, err := registry.Client{}.Open(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	m, _, _ := o.Image(t.Context())
	file := filepath.Join(dirOf(img), "blobs", "sha256", m.Layers[0].Digest.Encoded())
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := o.Blob(t.Context(), m.Layers[0])
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got, err := io.ReadAll(b)
	if !errors.Is(err, registry.ErrDigestMismatch) || bytes.Equal(got, data) {
		t.Errorf("a changed blob came through: %d bytes, %v", len(got), err)
	}
}
