//go:build linux

package diskimage

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/reference"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

const realTool = "localhost/bootloom-disktool:1"

// newRealPodman is the podman of this machine with a store of its own, in which the tool's image is (see testkit.DiskTool): all is
// real but for osbuild. What it has is gone when the test ends, and nothing of it may be left by then.
func newRealPodman(t *testing.T) Podman {
	t.Helper()
	testkit.NeedTool(t, "podman")
	layout := diskTool(t)
	dir := t.TempDir()
	p := Podman{Command: []string{"podman", "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp")}}
	podman := func(args ...string) string {
		t.Helper()
		cmd := p.command(context.Background(), args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("podman %q: %v: %s", args, err, stderr.String())
		}
		return strings.TrimSpace(string(out))
	}
	// podman 4 makes a name of the path, so that has to be one.
	link := filepath.Join(os.TempDir(), "bootloom-tool-"+strings.ToLower(rand.Text()))
	if err := os.Symlink(layout, link); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(link)
	t.Cleanup(func() { // overlay mounts in there keep a directory from being removed
		if out := podman("ps", "--all", "--quiet") + podman("volume", "ls", "--quiet"); out != "" {
			t.Errorf("containers or volumes are left: %s", out)
		}
		_ = p.command(context.Background(), "system", "reset", "--force").Run()
	})
	podman("tag", podman("pull", "--quiet", "oci:"+link), realTool)
	return p
}

// bootableTiny publishes an image that is all that the real tool asks for before osbuild.
func (p published) bootableTiny(t *testing.T) Spec {
	t.Helper()
	dir := t.TempDir()
	_, err := testkit.WriteLayout(dir, v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Config: v1.ImageConfig{Labels: bootable}},
		testkit.DirLayer(testkit.Root(t, testkit.Tiny)), testkit.FileLayer(map[string]string{
			"usr/bin/bootc": "#!/bin/sh\ncase $* in\n*print-configuration*) echo '{\"filesystem\":{\"root\":{\"type\":\"ext4\"}}}';;\n*) echo '{\"kernel\":{\"version\":\"6\",\"unified\":false}}';;\nesac\n",
		}))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := p.client.Push(t.Context(), bootc.Image{Location: "oci:" + dir}, p.host+"/acme/edge-os")
	if err != nil {
		t.Fatal(err)
	}
	pub.Tags = []string{"1.4.0"}
	return From(pub)
}

// digest is the reference without its tag.
func (s Source) digest(t *testing.T) string {
	t.Helper()
	r, err := parseRef(s.Ref)
	if err != nil {
		t.Fatal(err)
	}
	return r.Name() + "@" + r.(reference.Digested).Digest().String()
}

func loops(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("losetup", "--list", "--noheadings", "--output", "BACK-FILE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// diskTool is the layout of the tool's image.
func diskTool(t *testing.T) string {
	t.Helper()
	testkit.NeedRoot(t)
	testkit.NeedTool(t, "losetup")
	monitor, err := os.ReadFile("testdata/transcript/osbuild-monitor.jsonseq")
	if err != nil {
		t.Fatal(err)
	}
	return testkit.DiskTool(t, string(monitor))
}

func TestRealPodman(t *testing.T) { testReal(t, newPublished(t), newRealPodman(t), realTool) }

func TestRealChroot(t *testing.T) {
	p := newPublished(t)
	tool, err := p.client.Push(t.Context(), bootc.Image{Location: "oci:" + diskTool(t)}, p.host+"/acme/disktool")
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	testReal(t, p, Chroot{Registry: p.client, Cache: cache}, tool.Reference())
	if kept, err := os.ReadDir(cache); err != nil || len(kept) != 1 || kept[0].Name() != "bootloom-tool-"+tool.Digest.Encoded() {
		t.Errorf("the cache has %v: %v", kept, err)
	}
}

// testReal has a runner build with the real tool.
func testReal(t *testing.T, p published, runner Runner, toolImage string) {
	image := p.bootableTiny(t)
	o := BuildOptions{Registry: p.client, WorkDir: t.TempDir(), Output: filepath.Join(t.TempDir(), "disk"), IgnoreFreeSpace: true}
	left := func(t *testing.T) {
		t.Helper()
		if entries, _ := os.ReadDir(o.WorkDir); len(entries) > 0 {
			t.Errorf("left in the work directory: %v", entries)
		}
		if l := loops(t); strings.Contains(l, "played-osbuild.img") {
			t.Errorf("loop devices are left:\n%s", l)
		}
	}
	for _, tool := range []ToolName{BootcImageBuilder, ImageBuilder} {
		o.Tool = Tool{tool, toolImage}
		t.Run(string(tool), func(t *testing.T) {
			defer left(t)
			var text []string
			o.OnEvent = func(e bootc.Event) { text = append(text, e.Text) }
			d, err := image.As(QCOW2).Root("ext4").User(User{Name: "ops"}).Build(t.Context(), runner, o)
			if err != nil {
				t.Fatal(err)
			}
			if d.Size != 64<<20 || d.Digest != sum(t, o.Output) || d.Platform != "linux/amd64" {
				t.Errorf("%+v", d)
			}
			if all := strings.Join(text, "\n"); !strings.Contains(all, "build: org.osbuild.selinux") || !strings.Contains(all, "pipeline build") {
				t.Errorf("the stages are not told:\n%s", all)
			}
		})
	}
	o.Tool = Tool{Image: toolImage}
	t.Run("manifest", func(t *testing.T) {
		defer left(t)
		// By digest alone, which the tool then has as a name.
		b, err := FromRef(image.Source.digest(t)).As(Raw).Manifest(t.Context(), runner, o)
		if err != nil || !strings.Contains(string(b), "org.osbuild.bootc.install-to-filesystem") {
			t.Errorf("%v: %s", err, b)
		}
	})
	t.Run("failure", func(t *testing.T) {
		defer left(t)
		_, err := image.As(Raw).Kargs("bootloom.disk=fail").Build(t.Context(), runner, o)
		e := toolError(t, err)
		if e.ExitCode != 1 || !strings.Contains(e.Message, "error running osbuild: exit status 1") || !strings.Contains(strings.Join(e.Tail, "\n"), "says something") {
			t.Errorf("%+v", e)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		defer left(t)
		ctx, cancel := context.WithCancel(t.Context())
		o.OnEvent = func(e bootc.Event) {
			if e.Text == "build: org.osbuild.selinux" {
				cancel()
			}
		}
		_, err := image.As(Raw).Kargs("bootloom.disk=hang").Build(ctx, runner, o)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
