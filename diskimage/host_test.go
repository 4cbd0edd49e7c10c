//go:build linux

package diskimage

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/internal/testkit"
)

// newHost is the real tool, run through Host, with shims for podman and skopeo.
func newHost(t *testing.T, img shimImage) (published, Host, BuildOptions) {
	t.Helper()
	testkit.NeedRoot(t)
	testkit.NeedTool(t, "unshare", "mount")
	tools := testkit.ImageBuilder(t)
	t.Setenv("PATH", shims(t, img)+":"+tools+":"+os.Getenv("PATH"))
	p := newPublished(t)
	return p, Host{}, BuildOptions{Registry: p.client, WorkDir: t.TempDir()}
}

type manifest struct {
	Version   string
	Pipelines []struct {
		Name   string
		Stages []struct {
			Type    string
			Options json.RawMessage
		}
	}
}

// TestHostManifest has the real tool say what it would do, for each format that it reaches without a solver of packages.
func TestHostManifest(t *testing.T) {
	p, host, o := newHost(t, stockImage())
	pub := p.publish(t, "acme/edge-os", "linux/amd64", bootable)
	pub.Tags = []string{"1.4.0"}
	installer := p.publish(t, "acme/installer", "linux/amd64", map[string]string{"containers.bootc": "1", "name": "installer"})
	for _, tool := range []ToolName{BootcImageBuilder, ImageBuilder} {
		for _, f := range Formats() {
			if f == AnacondaISO {
				continue
			}
			t.Run(string(tool)+" "+string(f), func(t *testing.T) {
				o.Tool.Name = tool
				s := From(pub).As(f).Root("ext4").Following("quay.io/acme/edge-os:stable").Kargs("acme.karg=1")
				want := []string{"org.osbuild.", "quay.io/acme/edge-os:stable", "acme.karg=1"}
				switch {
				case f == InstallerISO:
					s.Installer.Image.Ref = installer.Reference()
					want = append(want, "org.osbuild.kickstart", installer.Repository)
				case formats[f].class == disk:
					s = s.Filesystem("/var/data", 3*GiB)
					want = append(want, "org.osbuild.bootc.install-to-filesystem", `"/var/data"`, "org.osbuild.mkfs.ext4")
				}
				b, err := s.Manifest(t.Context(), host, o)
				if err != nil {
					t.Fatal(err)
				}
				var m manifest
				if err := json.Unmarshal(b, &m); err != nil || m.Version != "2" || len(m.Pipelines) < 2 {
					t.Errorf("%v: %s", err, b)
				}
				for _, text := range want {
					if !strings.Contains(string(b), text) {
						t.Errorf("the manifest does not have %s", text)
					}
				}
			})
		}
	}
	if left, _ := filepath.Glob(filepath.Join(o.WorkDir, "*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestHostPrivate: the store that the tool sees is not the machine's.
func TestHostPrivate(t *testing.T) {
	const mark = storage + "/overlay/bootloom-mark"
	p, host, o := newHost(t, stockImage())
	if _, err := From(p.publish(t, "acme/edge-os", "linux/amd64", bootable)).As(Raw).Manifest(t.Context(), host, o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err == nil {
		os.Remove(mark)
		t.Error("skopeo has written to the store of this machine")
	}
}

func TestHostBootloaderIgnored(t *testing.T) {
	for _, tool := range []ToolName{BootcImageBuilder, ImageBuilder} {
		p, host, o := newHost(t, stockImage())
		o.Tool.Name = tool
		s := From(p.publish(t, "acme/edge-os", "linux/amd64", bootable)).As(QCOW2)
		s.Bootloader.Serial = "--unit=0"
		_, err := s.Manifest(t.Context(), host, o)
		if !errors.Is(err, ErrIgnored) || !strings.Contains(err.Error(), "Bootloader") {
			t.Errorf("%s: %v", tool, err)
		}
	}
}

// TestHints has the real tool say what it can be brought to say, and looks whether we know what to do.
func TestHints(t *testing.T) {
	change := func(f func(*shimImage)) shimImage {
		img := stockImage()
		f(&img)
		return img
	}
	for _, c := range []struct {
		name string
		img  shimImage
		spec func(Spec) Spec
		hint string // part of it
	}{
		{"no default root", change(func(i *shimImage) { i.RootFS = "" }), nil, "set RootFS"},
		{"odd default root", change(func(i *shimImage) { i.RootFS = "bcachefs" }), nil, "set RootFS"},
		{"no label", change(func(i *shimImage) { i.Labels = nil }), nil, "containers.bootc=1"},
		{"other architecture", change(func(i *shimImage) { i.Arch = "arm64" }), nil, "set Platform"},
		{"not in the store", change(func(i *shimImage) { i.Missing = true }), nil, "not in the store"},
		{"PXE without modules", change(func(i *shimImage) { i.Modules = []string{"ostree"} }), func(s Spec) Spec { return s.As(PXE) }, "dmsquash-live"},
		{"PXE without a kernel", change(func(i *shimImage) { i.Kernel, i.Modules = "", nil }), func(s Spec) Spec { return s.As(PXE) }, "initramfs"},
		{"installer without a kernel", change(func(i *shimImage) { i.Kernel, i.Modules = "", nil }), func(s Spec) Spec {
			s = s.As(InstallerISO)
			s.Installer.Image = s.Source
			return s
		}, "no kernel in /usr/lib/modules"},
		{"packages out of reach", stockImage(), func(s Spec) Spec { return s.As(AnacondaISO) }, "needs the network"},
		{"unreadable initramfs", change(func(i *shimImage) { i.NoLsinitrd = true }), nil, "dracut"},
		{"no bootc", change(func(i *shimImage) { i.NoBootc = true }), nil, "build it on a bootc base"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, host, o := newHost(t, c.img)
			s := From(p.publish(t, "acme/edge-os", "linux/amd64", bootable)).As(QCOW2)
			if c.spec != nil {
				s = c.spec(s)
			}
			_, err := s.Manifest(t.Context(), host, o)
			if e := toolError(t, err); !strings.Contains(e.Hint, c.hint) || e.Message == "" || e.Version == "" {
				t.Errorf("hint %q, message %q, version %q:\n%v", e.Hint, e.Message, e.Version, err)
			}
		})
	}
}

// TestHintsOfFlags: an older or newer tool says so in these words.
func TestHintsOfFlags(t *testing.T) {
	p, host, o := newHost(t, stockImage())
	s := From(p.publish(t, "acme/edge-os", "linux/amd64", bootable)).As(QCOW2)
	for flag, hint := range map[string]string{"--in-vm": "does not know an option", "--type=vdi": "does not make this format", "--local=false": ""} {
		_, err := s.Manifest(t.Context(), flagged{host, flag}, o)
		if e := toolError(t, err); !strings.Contains(e.Hint, hint) || e.Message == "" {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// flagged adds an argument for the tool.
type flagged struct {
	Runner
	flag string
}

func (f flagged) Run(ctx context.Context, j Job) error {
	args := j.args
	j.args = func(at Paths) []string { return append(args(at), f.flag) }
	return f.Runner.Run(ctx, j)
}
