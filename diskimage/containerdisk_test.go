package diskimage_test

import (
	"archive/tar"
	"io"
	"os"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

func TestContainerDisk(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c, ctx, repo := client(t, r), t.Context(), r.Host+"/os"
	image := osImage(t, c, repo, unsigned, host)
	for format, name := range map[diskimage.Format]string{diskimage.QCOW2: "disk.qcow2", diskimage.Raw: "disk.img"} {
		d := qcow2(t, image.Reference(), string(format))
		d.Format = format
		o := tagged("machine")
		o.Shape = diskimage.ContainerDisk
		p, err := diskimage.Publish(ctx, c, d, repo, o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := diskimage.Publish(ctx, c, d, repo, o)
		if err != nil || again.Digest != p.Digest || again.Uploaded > 0 {
			t.Errorf("published again %+v, error %v", again, err)
		}
		dir := t.TempDir()
		if _, err := c.Pull(ctx, repo+":machine", "oci:"+dir, registry.PullOptions{}); err != nil {
			t.Fatal(err)
		}
		layers, err := testkit.LayerEntries(dir) // checks digest and diff ID
		if err != nil || len(layers) != 1 || len(layers[0]) != 2 {
			t.Fatalf("layers %+v, error %v", layers, err)
		}
		parent, file := layers[0][0], layers[0][1]
		if parent.Path != "disk" || parent.Mode != 0o755 || parent.Type != tar.TypeDir {
			t.Errorf("directory %+v", parent)
		}
		if file.Path != "disk/"+name || file.Mode != 0o440 || file.UID != 107 || file.GID != 107 || file.Digest != d.Digest {
			t.Errorf("file %+v", file)
		}
		if _, _, config, err := testkit.ReadImage(dir); err != nil || config.OS+"/"+config.Architecture != host {
			t.Errorf("config %+v, error %v", config, err)
		}
	}
}

// TestContainerDiskOfAnySize: the layer around a file is a tar, whatever the file's size, and can be read from any place.
func TestContainerDiskOfAnySize(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(t, r)
	for _, size := range []int64{0, 1, 511, 512, 513, 10 << 10} {
		d := qcow2(t, "", "disk")
		if err := os.Truncate(d.Path, size); err != nil {
			t.Fatal(err)
		}
		d.Size, d.Digest = 0, ""
		var read int
		c.OnEvent = func(e bootc.Event) {
			if e.Op == "read" && e.Kind == bootc.EventDone {
				read++
			}
		}
		o := tagged("machine")
		o.Shape = diskimage.ContainerDisk
		if _, err := diskimage.Publish(t.Context(), c, d, r.Host+"/disk", o); err != nil || read != 1 {
			t.Fatalf("size %d: read %d times, error %v", size, read, err)
		}
		dir := t.TempDir()
		if _, err := c.Pull(t.Context(), r.Host+"/disk:machine", "oci:"+dir, registry.PullOptions{}); err != nil {
			t.Fatal(err)
		}
		if layers, err := testkit.LayerEntries(dir); err != nil || layers[0][1].Size != size {
			t.Errorf("size %d: %+v, error %v", size, layers, err)
		}
	}
}

// TestHugeContainerDisk: beyond 8 GiB tar needs another form of size. Nothing of the hole is read here but the headers.
func TestHugeContainerDisk(t *testing.T) {
	d := qcow2(t, "", "disk")
	const size = 9 << 30
	if err := os.Truncate(d.Path, size); err != nil {
		t.Fatal(err)
	}
	r, err := diskimage.ContainerDiskLayer(d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tr := tar.NewReader(r)
	if _, err := tr.Next(); err != nil {
		t.Fatal(err)
	}
	h, err := tr.Next()
	if err != nil || h.Size != size || h.Mode != 0o440 {
		t.Errorf("header %+v, error %v", h, err)
	}
	end := make([]byte, 1024)
	if _, err := r.(io.Seeker).Seek(-1024, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if n, err := io.ReadFull(r, end); err != nil || string(end) != string(make([]byte, 1024)) {
		t.Errorf("%d bytes at the end, error %v", n, err)
	}
}
