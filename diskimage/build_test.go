//go:build linux

package diskimage

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

const ibImage = "ghcr.io/osbuild/image-builder-cli@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"

func TestBuildFormats(t *testing.T) {
	b := newBench(t, play{Pulled: true})
	pub := b.publish(t, "acme/edge-os", "linux/amd64", bootable)
	installer := b.publish(t, "acme/installer", "linux/amd64", bootable)
	for _, tool := range []Tool{{}, {Name: ImageBuilder, Image: ibImage}} {
		for _, f := range Formats() {
			if tool.Name == ImageBuilder && f == AnacondaISO {
				continue
			}
			t.Run(fmt.Sprintf("%s %s", tool.name(), f), func(t *testing.T) {
				s := From(pub).As(f).Root("xfs")
				if f == InstallerISO {
					s.Installer.Image.Ref = installer.Reference()
				}
				o := b.o
				o.Tool = tool
				d, err := s.Build(t.Context(), Podman{}, o)
				if err != nil {
					t.Fatal(err)
				}
				want := Disk{Path: o.Output, Format: f, Size: 64 << 20, Digest: sum(t, o.Output), Source: pub.Reference(), Platform: "linux/amd64"}
				if d != want {
					t.Errorf("got  %+v\nwant %+v", d, want)
				}
				var st syscall.Stat_t
				if err := syscall.Stat(o.Output, &st); err != nil || st.Blocks*512 > 1<<20 {
					t.Errorf("the disk takes %d bytes: %v", st.Blocks*512, err)
				}
			})
		}
	}
	if c := b.recorded("complaints"); c != nil {
		t.Errorf("the stand-in complains: %q", c)
	}
}

func sum(t *testing.T, file string) digest.Digest {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := digest.FromReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestBuildRun looks at the whole of one run: what is started with what, and what is told.
func TestBuildRun(t *testing.T) {
	b := newBench(t, play{})
	pub := b.publish(t, "acme/edge-os", "linux/amd64", bootable)
	pub.Tags = []string{"1.4.0"}
	root := b.publish(t, "acme/builder", "linux/amd64", map[string]string{"containers.bootc": "1", "name": "builder"})
	s := From(pub).As(QCOW2).Root("ext4").Kargs("quiet")
	s.BuildRoot.Ref = root.Reference()
	if _, err := s.Build(t.Context(), Podman{}, b.o); err != nil {
		t.Fatal(err)
	}
	calls := b.recorded("calls")
	name := strings.Fields(b.runs("run ")[0])
	name = name[slices.Index(name, "--name")+1:][:1]
	work := filepath.Join(b.o.WorkDir, name[0])
	for i, c := range calls {
		calls[i] = strings.NewReplacer(hostname()+":", "MACHINE:", work, "WORK", name[0], "NAME", b.host, "HOST", pub.Digest.String(), "DIGEST", root.Digest.String(), "ROOT", strings.Join(ulimits(), " "), "ULIMITS").Replace(c)
	}
	run := "run --rm --name NAME --label com.github.bootloom.disk=MACHINE:WORK --pull never --privileged --security-opt label=type:unconfined_t --network none ULIMITS " +
		"--volume WORK/config.json:/config.json:ro --volume WORK/images:/images:ro --volume WORK/output:/output --volume WORK/store:/store --volume WORK/containers:/var/lib/containers/storage "
	want := []string{
		"info --format json",
		"info --format json",
		`ps --all --filter label=com.github.bootloom.disk --format {{.Names}} {{index .Labels "com.github.bootloom.disk"}}`,
		"image exists " + DefaultImage,
		"pull " + DefaultImage,
		run + "--entrypoint bootc-image-builder " + DefaultImage + " version",
		run + "--entrypoint skopeo " + DefaultImage + " --insecure-policy copy --quiet oci:/images:0 containers-storage:HOST/acme/edge-os:1.4.0",
		run + "--entrypoint skopeo " + DefaultImage + " --insecure-policy copy --quiet oci:/images:1 containers-storage:HOST/acme/builder@ROOT",
		run + "--entrypoint bootc-image-builder " + DefaultImage + " build --type qcow2 --target-arch amd64 --rootfs ext4 --build-container HOST/acme/builder@ROOT --progress debug --store /store --output /output HOST/acme/edge-os:1.4.0",
	}
	if !slices.Equal(calls, want) {
		t.Errorf("podman was called\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
	}
	var told []string
	for _, e := range b.events {
		if e.Kind == bootc.EventStart || e.Kind == bootc.EventDone {
			if !strings.HasPrefix(e.Ref, "sha256:") {
				told = append(told, string(e.Kind)+" "+e.Op)
			}
		}
	}
	if want := []string{"start disk", "start pull", "done pull", "start pull", "done pull", "start pull", "done pull", "start write", "done write", "done disk"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if n := len(steps(b.events)); n != 17 {
		t.Errorf("%d steps, want 17", n)
	}
}

func TestBuildEncoding(t *testing.T) {
	b := newBench(t, play{Pulled: true})
	s := b.spec(t)
	plain, err := s.Build(t.Context(), Podman{}, b.o)
	if err != nil {
		t.Fatal(err)
	}
	for encoding, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		b.o.Encoding = encoding
		d, err := s.Build(t.Context(), Podman{}, b.o)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(d.Path); err != nil || info.Size() != d.Size || d.Size > 4<<20 || d.Digest != sum(t, d.Path) || d.Encoding != encoding {
			t.Errorf("%+v: %v", d, err)
		}
		f, err := os.Open(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := open(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := digest.FromReader(r); err != nil || got != plain.Digest {
			t.Errorf("%s decodes to %s, want %s: %v", encoding, got, plain.Digest, err)
		}
		f.Close()
	}
}

func TestBuildOwner(t *testing.T) {
	testkit.NeedRoot(t)
	b := newBench(t, play{Pulled: true})
	b.o.Owner = "1234:5678"
	if _, err := b.spec(t).Build(t.Context(), Podman{}, b.o); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(b.o.Output, &st); err != nil || st.Uid != 1234 || st.Gid != 5678 || st.Mode&0o7777 != 0o644 {
		t.Errorf("%d:%d %o %v", st.Uid, st.Gid, st.Mode, err)
	}
}

// TestBuildMistakes: all at once, and before anything runs.
func TestBuildMistakes(t *testing.T) {
	b := newBench(t, play{})
	s := b.spec(t).User(User{Name: "ops", PasswordSecret: "plain"}, User{Name: "two", PasswordSecret: "missing"}, User{Name: "three", PasswordSecret: "yescrypt"}, User{Name: "b/d"}).
		Root("zfs").Filesystem("/usr", GiB)
	s.NoDefaultKernelArgs = true
	b.o.Secrets = map[string]bootc.SecretValue{"plain": bootc.SecretBytes([]byte("letmein12345")), "yescrypt": bootc.SecretBytes([]byte("$y$j9T$abc$def"))}
	b.o.Output, b.o.Encoding, b.o.Owner = filepath.Join(t.TempDir(), "no/such/dir"), "xz", "ops:ops"
	b.o.Tool.Image = "UPPER"
	_, err := s.Build(t.Context(), Podman{}, b.o)
	want := []string{"RootFS", "Filesystems[0].Mountpoint", "Users[3].Name", "NoDefaultKernelArgs", "BuildOptions.Tool.Image", "BuildOptions.Output",
		"BuildOptions.Encoding", "BuildOptions.Owner", "Users[0].PasswordSecret", "Users[1].PasswordSecret", "Users[2].PasswordSecret"}
	if got := fieldPaths(err); !slices.Equal(got, want) {
		t.Errorf("mistakes at %q, want %q:\n%v", got, want, err)
	}
	if strings.Contains(err.Error(), "letmein") {
		t.Errorf("the error has a password: %v", err)
	}
	if calls := b.recorded("calls"); calls != nil || len(b.events) > 0 {
		t.Errorf("something ran: %q, %v", calls, b.events)
	}
}

func TestBuildSecrets(t *testing.T) {
	b := newBench(t, play{Pulled: true})
	hash := "$6$saltsalt$" + strings.Repeat("Ab3.", 21) + "Zz"
	b.o.Secrets = map[string]bootc.SecretValue{"ops": bootc.SecretBytes([]byte(hash + "\n")), "token": bootc.SecretBytes([]byte("t0ken-value"))}
	s := b.spec(t).User(User{Name: "ops", PasswordSecret: "ops"})
	s.Files = []File{{Path: "/etc/token", Secret: "token", Mode: 0o600}}
	if _, err := s.Build(t.Context(), Podman{}, b.o); err != nil {
		t.Fatal(err)
	}
	config := strings.Join(b.recorded("config"), "\n")
	for _, secret := range []string{hash, "t0ken-value"} {
		if !strings.Contains(config, secret) {
			t.Errorf("the tool does not get %s:\n%s", secret, config)
		}
		for _, e := range b.events {
			if strings.Contains(fmt.Sprint(e), secret) {
				t.Errorf("an event has a secret: %+v", e)
			}
		}
		if strings.Contains(strings.Join(b.recorded("calls"), "\n"), secret) {
			t.Error("a command line has a secret")
		}
	}
}

func TestBuildImage(t *testing.T) {
	b := newBench(t, play{Pulled: true})
	labels := func(pairs ...string) map[string]string {
		m := map[string]string{"containers.bootc": "1"}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	arm := b.publish(t, "acme/arm", "linux/arm64", bootable)
	for _, c := range []struct {
		name string
		spec Spec
		is   error
		path string
		says string
	}{
		{"no such image", FromRef(b.host + "/acme/nothing:1"), registry.ErrNotFound, "", ""},
		{"no label", From(b.publish(t, "acme/app", "linux/amd64", nil)), ErrNotBootable, "", "label containers.bootc=1"},
		{"other platform", From(arm).For("linux/amd64"), ErrPlatform, "", "linux/arm64"},
		{"no emulation", From(arm), ErrPlatform, "", "qemu-user-static"},
		{"no such platform", From(b.publish(t, "acme/mips", "linux/mips", bootable)), nil, "Platform", ""},
		{"Fedora without a root file system", From(b.publish(t, "acme/fedora", "linux/amd64", labels("redhat.id", "fedora", "redhat.version-id", "43"))), nil, "RootFS", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.spec.As(QCOW2).Build(t.Context(), Podman{}, b.o)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if c.path != "" && !slices.Equal(fieldPaths(err), []string{c.path}) {
				t.Errorf("got %v, want a mistake at %s", err, c.path)
			}
		})
	}
	if runs := b.runs("run "); len(runs) > 0 {
		t.Errorf("something ran: %q", runs)
	}
	fedora := From(b.publish(t, "acme/fedora", "linux/amd64", labels("redhat.id", "fedora"))).As(QCOW2).Root("btrfs")
	if _, err := fedora.Build(t.Context(), Podman{}, b.o); err != nil {
		t.Error(err)
	}
}

// TestBuildIndex: from an index comes the image for the platform, and Source is what was published.
func TestBuildIndex(t *testing.T) {
	b := newBench(t, play{Pulled: true})
	ix, err := b.client.PublishIndex(t.Context(), []bootc.Image{layout(t, "linux/amd64", bootable), layout(t, "linux/arm64", bootable)}, b.host+"/acme/edge-os",
		registry.PublishOptions{Unsigned: true})
	if err != nil {
		t.Fatal(err)
	}
	d, err := From(ix).As(Raw).For("linux/amd64").Build(t.Context(), Podman{}, b.o)
	if err != nil || d.Source != ix.Reference() || d.Platform != "linux/amd64" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestBuildLiveStore(t *testing.T) {
	b := newBench(t, play{Pulled: true, Mode: "live"})
	d, err := FromHostStore("localhost/edge-os:1").As(Raw).Build(t.Context(), Podman{}, b.o)
	if err != nil || d.Source != "localhost/edge-os:1" {
		t.Errorf("%+v, %v", d, err)
	}
	last := b.runs("run ")[1]
	if !strings.Contains(last, "--volume "+filepath.Join(b.dir, "graphroot")+":/var/lib/containers/storage ") || !strings.HasSuffix(last, " localhost/edge-os:1") {
		t.Error(last)
	}
}

func TestBuildFailures(t *testing.T) {
	for _, c := range []struct {
		play play
		is   error
		tool ToolError // fields that are compared if Program is set
		says []string
	}{
		{play{Mode: "fail"}, nil, ToolError{Program: "bootc-image-builder", ExitCode: 1, Pipeline: "image", Stage: "org.osbuild.truncate"}, []string{"exit status 1", "useradd: group 'wheel' does not exist", "add it to Groups"}},
		{play{Mode: "partial"}, nil, ToolError{Program: "bootc-image-builder", ExitCode: 1, Pipeline: "image", Stage: "org.osbuild.truncate"}, nil},
		{play{Mode: "missing"}, ErrNoDisk, ToolError{}, []string{"no file *.qcow2", "manifest-qcow2.json"}},
		{play{Mode: "wrong"}, ErrNoDisk, ToolError{}, []string{"does not begin as qcow2 does"}},
		{play{Mode: "two"}, ErrNoDisk, ToolError{}, []string{"2 files *.qcow2"}},
		{play{Mode: "exit", Exit: 125}, nil, ToolError{Program: "podman", ExitCode: 125}, nil},
		{play{Mode: "exit", Exit: 126}, nil, ToolError{Program: "bootc-image-builder", ExitCode: 126}, nil},
		{play{Mode: "exit", Exit: 127}, nil, ToolError{Program: "bootc-image-builder", ExitCode: 127}, []string{"has no bootc-image-builder"}},
		{play{Rootless: true}, nil, ToolError{}, []string{"ordinary user", "sudo"}},
	} {
		t.Run(c.play.Mode+fmt.Sprint(c.play.Exit), func(t *testing.T) {
			c.play.Pulled = true
			b := newBench(t, c.play)
			_, err := b.spec(t).Build(t.Context(), Podman{}, b.o)
			if err == nil || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("got %v, want %v", err, c.is)
			}
			if op, ok := errors.AsType[*bootc.OpError](err); !ok || op.Op != "disk" {
				t.Errorf("%v is no OpError of disk", err)
			}
			if c.tool.Program != "" {
				e := toolError(t, err)
				if e.Program != c.tool.Program || e.ExitCode != c.tool.ExitCode || e.Pipeline != c.tool.Pipeline || e.Stage != c.tool.Stage {
					t.Errorf("got %+v, want %+v", e, c.tool)
				}
			}
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v does not say %q", err, text)
				}
			}
			if _, err := os.Stat(b.o.Output); err == nil {
				t.Error("there is a disk all the same")
			}
		})
	}
}

func TestBuildNoPull(t *testing.T) {
	b := newBench(t, play{Mode: "no pull"})
	_, err := b.spec(t).Build(t.Context(), Podman{}, b.o)
	if op, ok := errors.AsType[*bootc.OpError](err); !ok || op.Op != "pull" || op.Ref != DefaultImage || !strings.Contains(err.Error(), "unauthorized") {
		t.Errorf("got %v", err)
	}
}

// TestBuildIgnored: what upstream leaves out with a warning and status 0 is an error, and the build stops there.
func TestBuildIgnored(t *testing.T) {
	for _, tool := range []Tool{{}, {Name: ImageBuilder, Image: ibImage}} {
		b := newBench(t, play{Pulled: true, Mode: "hang"})
		s := b.spec(t)
		s.Bootloader.Serial = "--unit=0"
		b.o.Tool = tool
		_, err := s.Build(t.Context(), Podman{}, b.o)
		if !errors.Is(err, ErrIgnored) || !strings.Contains(err.Error(), "Bootloader (customizations.bootloader)") {
			t.Errorf("got %v", err)
		}
	}
}

func TestBuildFilesystemsAreNotIgnored(t *testing.T) {
	for _, tool := range []Tool{{}, {Name: ImageBuilder, Image: ibImage}} {
		b := newBench(t, play{Pulled: true})
		b.o.Tool = tool
		if _, err := b.spec(t).Filesystem("/var/data", GiB).Build(t.Context(), Podman{}, b.o); err != nil {
			t.Error(err)
		}
	}
}

func TestBuildCancel(t *testing.T) {
	for _, mode := range []string{"hang", "deaf"} {
		t.Run(mode, func(t *testing.T) {
			b := newBench(t, play{Pulled: true, Mode: mode})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			on := b.o.OnEvent
			b.o.OnEvent = func(e bootc.Event) {
				on(e)
				if e.Text == "image: org.osbuild.truncate" {
					cancel()
				}
			}
			_, err := b.spec(t).Build(ctx, Podman{}, b.o)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if len(b.runs("stop ")) == 0 || len(b.runs("rm ")) == 0 {
				t.Errorf("the container was not stopped: %q", b.recorded("calls"))
			}
		})
	}
}

func TestBuildStall(t *testing.T) {
	b := newBench(t, play{Pulled: true, Mode: "hang"})
	b.o.Stall = 3 * time.Second
	_, err := b.spec(t).Build(t.Context(), Podman{}, b.o)
	if !errors.Is(err, ErrStalled) {
		t.Errorf("got %v", err)
	}
}

func TestBuildNoSpace(t *testing.T) {
	testkit.NeedRoot(t)
	b := newBench(t, play{Pulled: true})
	b.o.WorkDir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", b.o.WorkDir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	defer exec.Command("umount", b.o.WorkDir).Run()
	b.o.IgnoreFreeSpace = false
	_, err := b.spec(t).Build(t.Context(), Podman{}, b.o)
	if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), "BuildOptions.WorkDir") {
		t.Errorf("got %v", err)
	}
	if runs := b.runs("run "); len(runs) > 0 {
		t.Errorf("something ran: %q", runs)
	}
	b.o.IgnoreFreeSpace = true
	if _, err := b.spec(t).Build(t.Context(), Podman{}, b.o); err != nil {
		t.Error(err)
	}
}

// TestBuildSweeps: what a killed run has left goes with the next one; what a living one has stays.
func TestBuildSweeps(t *testing.T) {
	b := newBench(t, play{Pulled: true})
	dead := filepath.Join(b.o.WorkDir, workPrefix+"dead")
	if err := errors.Join(os.MkdirAll(filepath.Join(dead, "store/x"), 0o700), os.WriteFile(filepath.Join(dead, "lock"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	alive, err := newWork(b.o.WorkDir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("what the dead run had is still there")
	}
	if _, err := b.spec(t).Build(t.Context(), Podman{}, b.o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(alive.at("output")); err != nil {
		t.Error("what the living run has is gone")
	}
	if err := alive.remove(); err != nil {
		t.Error(err)
	}
}

func TestSparse(t *testing.T) {
	dir := t.TempDir()
	data := make([]byte, 5*hole+1234)
	copy(data[2*hole-3:], "across a border")
	data[len(data)-1] = 1
	for _, chunk := range []int{1, 1000, hole, hole + 1, len(data)} {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(chunk)))
		if err != nil {
			t.Fatal(err)
		}
		s := &sparse{f: f}
		h := sha256.New()
		for part := range slices.Chunk(data, chunk) {
			if n, err := io.MultiWriter(s, h).Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := errors.Join(s.end(), f.Close()); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || !bytes.Equal(got, data) || s.n != int64(len(data)) {
			t.Errorf("chunks of %d: %d bytes differ: %v", chunk, len(got), err)
		}
		var st syscall.Stat_t
		if err := syscall.Stat(f.Name(), &st); err != nil || st.Blocks*512 > 3*hole+4096 {
			t.Errorf("chunks of %d: %d bytes on disk: %v", chunk, st.Blocks*512, err)
		}
	}
}

// TestBuildLocal: a layout that lacks the base's layers, as an engine leaves it, will do.
func TestBuildLocal(t *testing.T) {
	b := newBench(t, play{Pulled: true})
	img := layout(t, "linux/amd64", bootable)
	base := b.publish(t, "acme/base", "linux/amd64", map[string]string{"name": "base"}) // has the same layer
	dir := strings.TrimPrefix(img.Location, "oci:")
	_, m, _, err := testkit.ReadImage(dir)
	if err == nil {
		err = os.Remove(filepath.Join(dir, "blobs/sha256", m.Layers[0].Digest.Encoded()))
	}
	if err != nil {
		t.Fatal(err)
	}
	img.BaseLocation = "docker://" + base.Reference()
	d, err := FromImage(img).Following("quay.io/acme/edge-os:try").As(QCOW2).Build(t.Context(), Podman{}, b.o)
	if err != nil || d.Source != img.Location+"@"+img.Digest.String() {
		t.Errorf("%+v, %v", d, err)
	}
	last := b.runs("run ")
	if !strings.HasSuffix(last[len(last)-1], " quay.io/acme/edge-os:try") {
		t.Error(last)
	}
	plain := layout(t, "linux/amd64", nil)
	if _, err := FromImage(plain).Following("quay.io/acme/edge-os:try").As(QCOW2).Build(t.Context(), Podman{}, b.o); !errors.Is(err, ErrNotBootable) {
		t.Errorf("got %v", err)
	}
}

// TestBuildKilled: with the program that builds, the tool ends; what is left of it goes with the next build.
func TestBuildKilled(t *testing.T) {
	b := newBench(t, play{Pulled: true, Mode: "hang"})
	s := b.spec(t)
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(stage(t, "builder"), "builder"))
	cmd.Path = self
	cmd.Env = append(os.Environ(), "BUILDER_SPEC="+string(data), "BUILDER_CA="+string(b.client.CA), "BUILDER_WORK="+b.o.WorkDir, "BUILDER_HOST="+b.host)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := 0; b.recorded("hanging") == nil; i++ {
		if i == 1000 {
			t.Fatal("the builder does not get so far")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if left, _ := filepath.Glob(filepath.Join(b.o.WorkDir, "*")); len(left) != 1 {
		t.Fatalf("left: %q", left)
	}
	for range 100 { // the stand-in gets SIGTERM
		if left, _ := filepath.Glob(filepath.Join(b.dir, "*.pid")); len(left) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.play(t, play{Pulled: true})
	if _, err := s.Build(t.Context(), Podman{}, b.o); err != nil {
		t.Fatal(err)
	}
}

// playBuilder is a program that builds, to be killed.
func playBuilder([]string) int {
	var s Spec
	err := json.Unmarshal([]byte(os.Getenv("BUILDER_SPEC")), &s)
	if err == nil {
		work, host := os.Getenv("BUILDER_WORK"), os.Getenv("BUILDER_HOST")
		_, err = s.Build(context.Background(), Podman{}, BuildOptions{Output: filepath.Join(work, "never"), WorkDir: work, IgnoreFreeSpace: true, Registry: registry.Client{
			CA: []byte(os.Getenv("BUILDER_CA")), Anonymous: true, Credentials: map[string]registry.Credential{host: {Username: "acme", Password: "secret password"}},
		}})
	}
	fmt.Fprintln(os.Stderr, "builder:", err)
	return 1
}

// TestBuildAtOnce: builds do not get in each other's way.
func TestBuildAtOnce(t *testing.T) {
	b := newBench(t, play{Pulled: true})
	s := b.spec(t)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			o := b.o
			o.OnEvent = nil
			o.Output = filepath.Join(filepath.Dir(b.o.Output), fmt.Sprintf("disk%d", i))
			if d, err := s.Build(t.Context(), Podman{}, o); err != nil || d.Path != o.Output {
				t.Errorf("%+v, %v", d, err)
			}
			os.Remove(o.Output)
		})
	}
	wg.Wait()
	if c := b.recorded("complaints"); c != nil {
		t.Errorf("the stand-in complains: %q", c)
	}
}
