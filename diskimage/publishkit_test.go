package diskimage_test

import (
	"archive/tar"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// host is the platform that needs no naming.
const host = "linux/" + runtime.GOARCH

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func client(t testing.TB, r *testkit.Registry) registry.Client {
	c := registry.Client{CA: r.CA, Anonymous: true, InsecureSkipTLSVerify: r.CA == nil, TempDir: t.TempDir(), Retry: registry.Retry{Delay: 10 * time.Millisecond}}
	if r.Username != "" {
		c.Credentials = map[string]registry.Credential{r.Host: {Username: r.Username, Password: r.Password}}
	}
	return c
}

// osImage publishes images of an operating system, as far as a registry sees, for these platforms: one, or an index.
func osImage(t testing.TB, c registry.Client, repository string, o registry.PublishOptions, platforms ...string) registry.Published {
	t.Helper()
	var images []bootc.Image
	for _, platform := range platforms {
		dir := t.TempDir()
		config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: platform[len("linux/"):]}}
		d, err := testkit.WriteLayout(dir, config, func(tw *tar.Writer) error {
			return tw.WriteHeader(&tar.Header{Name: "usr/", Typeflag: tar.TypeDir, Mode: 0o755})
		})
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, bootc.Image{Digest: d.Digest, MediaType: d.MediaType, Platform: platform, Location: "oci:" + dir})
	}
	if len(images) == 1 {
		return must(c.Publish(t.Context(), images[0], repository, o))
	}
	return must(c.PublishIndex(t.Context(), images, repository, o))
}

// qcow2 makes a disk by hand: something at both ends of it, and a hole between.
func qcow2(t testing.TB, source, content string) diskimage.Disk {
	t.Helper()
	const size = 3<<20 + 77
	path := filepath.Join(t.TempDir(), "disk.qcow2")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("QFI\xfb" + content)
	_, err2 := f.WriteAt([]byte("end"), size-3)
	if err := errors.Join(err, err2, f.Close()); err != nil {
		t.Fatal(err)
	}
	return diskimage.Disk{
		Path: path, Format: diskimage.QCOW2, Size: size, Digest: digest.FromBytes(must(os.ReadFile(path))), Source: source, Platform: host,
	}
}

func eachRegistry(t *testing.T, run func(t *testing.T, r *testkit.Registry)) {
	o := testkit.RegistryOptions{TLS: true, Username: "robot", Password: "secret"}
	t.Run("olareg", func(t *testing.T) { run(t, testkit.NewOlareg(t, o)) })
	t.Run("docker-registry", func(t *testing.T) { run(t, testkit.NewDockerRegistry(t, o)) })
}
