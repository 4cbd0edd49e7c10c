package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing/fstest"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// files builds images of ever more files.
func files(ctx context.Context, c config, dir string) (*table, error) {
	layout, err := testkit.Make(ctx, testkit.Tiny)
	if err != nil {
		return nil, err
	}
	t := newTable("small files added to a base, built", "bootloom")
	for round := range c.rounds {
		for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
			s, err := spawn(ctx, "oci:"+layout, "", n, filepath.Join(dir, fmt.Sprint(round, "-", n)))
			if err != nil {
				return nil, err
			}
			t.step("files", n, "bootloom", s)
		}
	}
	return t, nil
}

// size builds on a small and on a large base, from one registry to another.
func size(ctx context.Context, c config, dir string) (*table, error) {
	t := newTable("20 files on bases of two sizes, built, and copied to another registry", "bootloom")
	client := registry.Client{InsecureSkipTLSVerify: true, Anonymous: true}
	from, err := testkit.StartDockerRegistry(ctx, testkit.RegistryOptions{})
	if err != nil {
		return nil, err
	}
	defer from.Close()
	for _, mb := range []int64{20, 2048} {
		layout := filepath.Join(dir, fmt.Sprint("base-", mb))
		if err := largeBase(layout, mb<<20); err != nil {
			return nil, err
		}
		repository := fmt.Sprintf("%s/base/mb%d", from.Backend, mb)
		if _, err := client.Publish(ctx, bootc.Image{Location: "oci:" + layout}, repository, registry.PublishOptions{Tags: []string{"1"}, Unsigned: true}); err != nil {
			return nil, err
		}
		to, err := testkit.StartDockerRegistry(ctx, testkit.RegistryOptions{})
		if err != nil {
			return nil, err
		}
		s, err := spawn(ctx, repository+":1", to.Backend+"/acme/os", 20, filepath.Join(dir, fmt.Sprint("root-", mb)))
		to.Close()
		if err != nil {
			return nil, err
		}
		t.add(fmt.Sprintf("base of %d MB", mb), "bootloom", s)
	}
	return t, nil
}

const childFlag = "-bench-child"

// spawn builds in a process of its own, whose peak memory is then that of the build.
func spawn(ctx context.Context, base, push string, n int, root string) (sample, error) {
	exe, err := os.Executable()
	if err != nil {
		return sample{}, err
	}
	cmd := exec.CommandContext(ctx, exe, childFlag, base, push, strconv.Itoa(n), root)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return sample{}, err
	}
	var s childSample
	if err := json.Unmarshal(out, &s); err != nil {
		return sample{}, err
	}
	return sample{wall: s.Wall, cpu: s.CPU, rss: s.RSS}, nil
}

type childSample struct {
	Wall, CPU time.Duration
	RSS       int64
}

// child is the other side of spawn.
func child(args []string) bool {
	if len(args) != 6 || args[1] != childFlag {
		return false
	}
	n, err := strconv.Atoi(args[4])
	var s sample
	if err == nil {
		s, err = measure(func() error { return buildFiles(context.Background(), args[2], args[3], n, args[5]) })
	}
	if err == nil {
		s.rss, err = peak()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(childSample{s.wall, s.cpu, s.rss})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	return true
}

func buildFiles(ctx context.Context, base, push string, n int, root string) error {
	defer os.RemoveAll(root)
	client := registry.Client{InsecureSkipTLSVerify: true, Anonymous: true}
	e, err := direct.Open(direct.Options{Root: root, Registry: client, SkipLint: true}) // these bases do not boot
	if err != nil {
		return err
	}
	img, err := bootc.Build(ctx, e, bootc.From(base).Tree("/usr/share/bench", many(n)), bootc.BuildOptions{})
	if err != nil || push == "" {
		return err
	}
	_, err = client.Publish(ctx, img, push, registry.PublishOptions{Tags: []string{"1"}, Unsigned: true})
	return err
}

// many is a file system of so many small files, a thousand in a directory, that exist only when they are read.
type many int

func (m many) Open(name string) (fs.File, error) {
	if f, ok := m.file(name); ok {
		return f.Open(name)
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// file is the one file of that name, in a file system of its own.
func (m many) file(name string) (fstest.MapFS, bool) {
	_, base, _ := strings.Cut(name, "/")
	i, err := strconv.Atoi(base)
	return fstest.MapFS{name: {Data: []byte(base), Mode: 0o644}}, err == nil && i < int(m)
}

func (m many) ReadDir(name string) ([]fs.DirEntry, error) {
	out := fstest.MapFS{}
	if name == "." {
		for i := 0; i < int(m); i += 1000 {
			out[fmt.Sprintf("%03d", i/1000)] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		}
		return out.ReadDir(".")
	}
	first, err := strconv.Atoi(name)
	if err != nil {
		return nil, err
	}
	for i := first * 1000; i < min(int(m), first*1000+1000); i++ {
		out[strconv.Itoa(i)] = &fstest.MapFile{Data: []byte(strconv.Itoa(i)), Mode: 0o644}
	}
	return out.ReadDir(".")
}

func (m many) Stat(name string) (fs.FileInfo, error) {
	if f, ok := m.file(name); ok {
		return f.Stat(name)
	}
	return fstest.MapFS{}.Stat(".")
}

// peak is the most memory that this process has had, in bytes.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no VmHWM")
}

// largeBase writes an image with one layer of that size, which is a file of zeros in a tar: a hole on disk.
func largeBase(dir string, size int64) error {
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "usr/share/large", Typeflag: tar.TypeReg, Mode: 0o644, Size: size}); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "layer"))
	if err != nil {
		return err
	}
	defer f.Close()
	total := int64(head.Len()) + size + 1024
	if _, err := f.Write(head.Bytes()); err != nil {
		return err
	}
	if err := f.Truncate(total); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	layer := digest.NewDigest(digest.SHA256, sum)
	if err := os.Rename(f.Name(), filepath.Join(blobs, layer.Encoded())); err != nil {
		return err
	}
	put := func(v any) (v1.Descriptor, error) {
		b, err := json.Marshal(v)
		if err != nil {
			return v1.Descriptor{}, err
		}
		d := digest.FromBytes(b)
		return v1.Descriptor{Digest: d, Size: int64(len(b))}, os.WriteFile(filepath.Join(blobs, d.Encoded()), b, 0o644)
	}
	config, err := put(v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer}}})
	if err != nil {
		return err
	}
	config.MediaType = v1.MediaTypeImageConfig
	manifest, err := put(v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config,
		Layers: []v1.Descriptor{{MediaType: v1.MediaTypeImageLayer, Digest: layer, Size: total}}})
	if err != nil {
		return err
	}
	manifest.MediaType = v1.MediaTypeImageManifest
	index, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{manifest}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, v1.ImageIndexFile), index, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, v1.ImageLayoutFile), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}
