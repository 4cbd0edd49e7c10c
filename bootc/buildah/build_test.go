//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
)

// files are what a plan puts into the image in these tests.
func files() []bootc.Entry {
	return []bootc.Entry{
		{Path: "/usr/lib/acme", Mode: fs.ModeDir | 0o755},
		{Path: "/usr/lib/acme/hello", Mode: 0o640, UID: 7, GID: 8, Content: bootc.Text("hello\n")},
		{Path: "/usr/lib/acme/link", Mode: fs.ModeSymlink | 0o777, Link: "hello"},
		{Path: "/usr/bin/acme", Mode: fs.ModeSetuid | 0o755, Content: bootc.Text("#!/bin/sh\n")},
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	p := plan(base, files(),
		sh("id -u > /usr/lib/acme/uid; rm /etc/motd"),
		containerfile.Label{{Key: "a", Value: "b"}})
	p.Annotations = map[string]string{"org.opencontainers.image.version": "7"}
	p.Spec = "sha256:1234"
	out := filepath.Join(t.TempDir(), "layout")
	r := &recorder{t: t}
	img, err := e.Build(t.Context(), p, bootc.BuildOptions{OnEvent: r.on, Output: "oci:" + out + ":edge"})
	if err != nil {
		t.Fatal(err)
	}
	desc, manifest, config, err := testkit.ReadImage(out)
	if err != nil {
		t.Fatal(err)
	}
	if desc.Digest != img.Digest || desc.Annotations[v1.AnnotationRefName] != "edge" {
		t.Errorf("index has %+v, image is %+v", desc, img)
	}
	_, baseManifest, baseConfig, err := testkit.ReadImage(testkit.Base(t, testkit.Tiny))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(baseManifest.Layers); len(manifest.Layers) != n+2 || !equalJSON(manifest.Layers[:n], baseManifest.Layers) {
		t.Errorf("layers\n%+v\nare not two on top of those of the base\n%+v", manifest.Layers, baseManifest.Layers)
	}
	if !slices.Equal(config.RootFS.DiffIDs[:2], baseConfig.RootFS.DiffIDs) {
		t.Errorf("diff ids %v do not start with %v", config.RootFS.DiffIDs, baseConfig.RootFS.DiffIDs)
	}
	wantAnnotations := map[string]string{
		"org.opencontainers.image.version":     "7",
		"org.opencontainers.image.created":     "2026-01-02T03:04:05Z",
		"org.opencontainers.image.base.digest": base.Digest.String(),
	}
	if !maps.Equal(manifest.Annotations, wantAnnotations) {
		t.Errorf("annotations %v, want %v", manifest.Annotations, wantAnnotations)
	}
	if want := map[string]string{"a": "b", "org.opencontainers.image.version": "1"}; !maps.Equal(config.Config.Labels, want) {
		t.Errorf("labels %v, want %v", config.Config.Labels, want)
	}
	if !config.Created.Equal(epoch) {
		t.Errorf("created %v, want %v", config.Created, epoch)
	}
	for _, h := range config.History[len(baseConfig.History):] {
		if !h.Created.Equal(epoch) || strings.Contains(h.CreatedBy, t.TempDir()) {
			t.Errorf("history has %+v", h)
		}
	}
	wantImage := bootc.Image{
		Digest: desc.Digest, MediaType: v1.MediaTypeImageManifest, Platform: base.Platform,
		Location: "oci:" + out + ":edge", Base: base.Ref, BaseDigest: base.Digest, BaseLocation: base.Ref, Spec: "sha256:1234",
	}
	for i, l := range manifest.Layers {
		wantImage.Layers = append(wantImage.Layers, bootc.Layer{Digest: l.Digest, DiffID: config.RootFS.DiffIDs[i],
			MediaType: l.MediaType, Size: l.Size, FromBase: i < 2, Features: bootc.LayerFeatures(l.Annotations)})
	}
	if !equalJSON(img, wantImage) {
		t.Errorf("image is\n%+v, want\n%+v", img, wantImage)
	}

	layers, err := testkit.LayerEntries(out)
	if err != nil {
		t.Fatal(err)
	}
	wantLayer(t, layers[2],
		"5 755 0:0 usr", "5 755 0:0 usr/bin", "0 4755 0:0 usr/bin/acme", "5 755 0:0 usr/lib", "5 755 0:0 usr/lib/acme",
		"0 640 7:8 usr/lib/acme/hello", "2 777 0:0 usr/lib/acme/link")
	// Nothing of what a step is given to run: resolv.conf, hosts, hostname, mtab, /run, /proc, /sys, /dev.
	wantLayer(t, layers[3],
		"5 755 0:0 etc", "0 0 0:0 etc/.wh.motd", "5 755 0:0 usr", "5 755 0:0 usr/lib", "5 755 0:0 usr/lib/acme",
		"0 644 0:0 usr/lib/acme/uid")

	var texts []string
	for _, ev := range r.kinds(bootc.EventStep) {
		texts = append(texts, fmt.Sprintf("%d/%d %v %v %s", ev.Step, ev.Steps, ev.Cached, ev.Features, ev.Text))
	}
	wantTexts := []string{
		"1/4 false [] FROM " + base.Ref,
		"2/4 false [Features[0].Test] ADD files.tar /",
		"3/4 false [Features[0].Test] RUN id -u > /usr/lib/acme/uid; rm /etc/motd",
		"4/4 false [Features[0].Test] LABEL a=b",
	}
	if !slices.Equal(texts, wantTexts) {
		t.Errorf("steps are\n%s\nwant\n%s", strings.Join(texts, "\n"), strings.Join(wantTexts, "\n"))
	}
	left(t, e)
}

// TestStubs: what a step is given to reach the network and to tell where it runs is not in the image, also where the base
// has no file to mount it on.
func TestStubs(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	out := t.TempDir()
	r := &recorder{t: t}
	if _, err := e.Build(t.Context(), plan(base, nil,
		sh("set -e; cat /etc/resolv.conf; grep localhost /etc/hosts; test -s /etc/hostname -a -s /run/.containerenv -a -d /proc/1 -a -d /sys/kernel; echo x > /tmp/x; rm /tmp/x; echo y > /run/y"),
		sh("set -e; test -e /run/y; rm /run/y; mkdir /run/lock"),
		containerfile.Raw("RUN --mount=type=cache,target=/var/cache/acme echo kept > /var/cache/acme/x\n"),
		containerfile.Raw("RUN --mount=type=cache,target=/var/cache/acme cat /var/cache/acme/x\n"),
		containerfile.Raw("RUN --mount=type=tmpfs,target=/mnt/deep/tmp --mount=type=bind,source=.,target=/ctx touch /mnt/deep/tmp/x\n"),
	), bootc.BuildOptions{OnEvent: r.on, Output: "oci:" + out}); err != nil {
		t.Fatal(err)
	}
	if host, err := os.ReadFile("/etc/resolv.conf"); err == nil && strings.Contains(string(host), "nameserver") {
		if !slices.ContainsFunc(r.kinds(bootc.EventLog), func(e bootc.Event) bool { return strings.HasPrefix(e.Text, "nameserver") }) {
			t.Errorf("no nameserver: %+v", r.kinds(bootc.EventLog))
		}
	}
	layers := entriesOf(t, out)
	wantLayer(t, layers[2], "5 1777 0:0 tmp", "5 755 0:0 run", "0 644 0:0 run/y")
	wantLayer(t, layers[3], "5 755 0:0 run", "0 0 0:0 run/.wh.y", "5 755 0:0 run/lock")
	for _, l := range layers[4:] {
		wantLayer(t, l)
	}
	left(t, e)
	again, err := os.ReadDir("/var/tmp")
	if err != nil || slices.ContainsFunc(again, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "buildah-cache") }) {
		t.Errorf("a cache mount is in /var/tmp: %v", err)
	}
}

// TestReproducible builds a plan in two engines, a day apart as far as file times go, and once more from the cache.
func TestReproducible(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T, e *buildah.Engine) bootc.Image {
		base := inspect(t, e, tinyRef(t))
		p := plan(base, files(),
			containerfile.Comment("a comment is no instruction"),
			sh("mkdir /usr/lib/acme/new; date > /dev/null; touch -d '2030-01-01 00:00:00' /usr/lib/acme/new/future; touch -d '2020-01-01 00:00:00' /usr/lib/acme/new/past"),
			containerfile.Label{{Key: "a", Value: "b"}})
		p.Annotations = map[string]string{"x": "y"}
		img, err := e.Build(t.Context(), p, bootc.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	for _, comp := range []bootc.Compression{bootc.Gzip, bootc.Zstd} {
		t.Run(string(comp), func(t *testing.T) {
			set := func(o *buildah.Options) { o.Compression = comp }
			first, second := open(t, set), open(t, set)
			a := build(t, first)
			time.Sleep(1100 * time.Millisecond) // file times have seconds
			b, again := build(t, second), build(t, first)
			if a.Digest != b.Digest || a.Digest != again.Digest {
				t.Errorf("digests differ: %s, %s in another store, %s from the cache", a.Digest, b.Digest, again.Digest)
			}
		})
	}
}

func TestCache(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	cached := func(p bootc.Plan, o bootc.BuildOptions) (out []int) {
		t.Helper()
		r := &recorder{t: t}
		o.OnEvent = r.on
		if _, err := e.Build(t.Context(), p, o); err != nil {
			t.Fatal(err)
		}
		for _, ev := range r.kinds(bootc.EventStep) {
			if ev.Cached {
				out = append(out, ev.Step)
			}
		}
		return out
	}
	one := plan(base, files(), sh("echo one > /usr/lib/one"), sh("echo two > /usr/lib/two"))
	other := plan(base, files(), sh("echo one > /usr/lib/one"), sh("echo three > /usr/lib/three"))
	later := one
	later.Epoch = epoch.Add(time.Hour)
	for _, c := range []struct {
		name string
		plan bootc.Plan
		o    bootc.BuildOptions
		want []int
	}{
		{"first", one, bootc.BuildOptions{}, nil},
		{"same", one, bootc.BuildOptions{}, []int{2, 3, 4}},
		{"last step differs", other, bootc.BuildOptions{}, []int{2, 3}},
		{"no cache", one, bootc.BuildOptions{NoCache: true}, nil},
		{"other epoch", later, bootc.BuildOptions{}, nil},
	} {
		if got := cached(c.plan, c.o); !slices.Equal(got, c.want) {
			t.Errorf("%s: cached steps %v, want %v", c.name, got, c.want)
		}
	}
}

func TestStepError(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	p := plan(base, nil, containerfile.Comment("why"), sh("true"), sh("seq 30; echo oops >&2; exit 7"))
	p.Origins[2].Features = []string{"Features[3].Script"}
	r := &recorder{t: t}
	_, err := e.Build(t.Context(), p, bootc.BuildOptions{OnEvent: r.on})
	step, ok := errors.AsType[*buildah.StepError](err)
	if !ok {
		t.Fatalf("error is %T %v", err, err)
	}
	if step.Stage != 0 || step.Step != 2 || step.ExitCode != 7 || !slices.Equal(step.Features, []string{"Features[3].Script"}) ||
		step.Instruction != "RUN seq 30; echo oops >&2; exit 7" {
		t.Errorf("error has %+v", step)
	}
	if len(step.Tail) != 20 || !slices.Contains(step.Tail, "oops") || slices.Contains(step.Tail, "11") || !slices.Contains(step.Tail, "12") {
		t.Errorf("tail is %q", step.Tail)
	}
	if op, ok := errors.AsType[*bootc.OpError](err); !ok || op.Op != "build" {
		t.Errorf("no OpError in %v", err)
	}
	for _, ev := range r.kinds(bootc.EventLog) {
		if ev.Step != 3 || ev.Steps != 3 {
			t.Errorf("log line without its step: %+v", ev)
		}
	}
	left(t, e)
	if _, err := e.Build(t.Context(), plan(base, nil, sh("true")), bootc.BuildOptions{}); err != nil {
		t.Errorf("next build: %v", err)
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	p := plan(base, nil, containerfile.Copy{From: "make", Sources: []string{"/made"}, Dest: "/usr/lib/made"})
	p.Containerfile.Stages = []containerfile.Stage{
		{From: base.From(), Name: "unused", Steps: []containerfile.Step{sh("echo unused")}},
		{From: base.From(), Name: "make", Steps: []containerfile.Step{sh("echo made > /made"), containerfile.Raw("RUN true\n# no\nRUN false || echo raw\n")}},
		p.Containerfile.Stages[0],
	}
	p.Origins = []bootc.Origin{{Stage: 1, Step: 1, Features: []string{"raw"}}, {Stage: 2, Step: 0, Features: []string{"copy"}}}
	r := &recorder{t: t}
	out := filepath.Join(t.TempDir(), "out.tar")
	img, err := e.Build(t.Context(), p, bootc.BuildOptions{OnEvent: r.on, Output: "oci-archive:" + out})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ev := range append(r.kinds(bootc.EventStep), r.kinds(bootc.EventLog)...) {
		got = append(got, fmt.Sprint(ev.Step, " ", ev.Steps, " ", ev.Features, " ", ev.Text))
	}
	from := base.Ref
	want := []string{"3 8 [] FROM " + from + " AS make", "4 8 [] RUN echo made > /made", "5 8 [raw] RUN true", "6 8 [raw] RUN false || echo raw",
		"7 8 [] FROM " + from, "8 8 [copy] COPY --from=make /made /usr/lib/made", "6 8 [raw] raw"}
	if !slices.Equal(got, want) {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	dir := t.TempDir()
	untar(t, out, dir)
	layers, err := testkit.LayerEntries(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(layers) != 3 || len(img.Layers) != 3 {
		t.Fatalf("%d layers, %d in the image, want 3", len(layers), len(img.Layers))
	}
	wantLayer(t, layers[2], "5 755 0:0 usr", "5 755 0:0 usr/lib", "0 644 0:0 usr/lib/made")
}

// TestScratch has no base at all.
func TestScratch(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	p := plan(bootc.Base{Ref: "scratch"}, files())
	p.Containerfile.Stages[0].From = "scratch"
	img, err := e.Build(t.Context(), p, bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(img.Layers) != 1 || img.Layers[0].FromBase || img.BaseDigest != "" {
		t.Errorf("image is %+v", img)
	}
}

// TestOneLayer: without the layer cache a stage makes one layer.
func TestOneLayer(t *testing.T) {
	t.Parallel()
	e := open(t, func(o *buildah.Options) { o.NoLayerCache = true })
	base := inspect(t, e, tinyRef(t))
	p := plan(base, files(), sh("echo a > /usr/lib/a"), sh("echo b > /usr/lib/b"))
	var digests []string
	for range 2 {
		img, err := e.Build(t.Context(), p, bootc.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(img.Layers) != 3 {
			t.Fatalf("%d layers, want 3", len(img.Layers))
		}
		digests = append(digests, img.Digest.String())
		time.Sleep(time.Second)
	}
	if digests[0] != digests[1] {
		t.Errorf("digests differ: %v", digests)
	}
}

func wantLayer(t *testing.T, got []testkit.Entry, want ...string) {
	t.Helper()
	var lines []string
	for _, e := range got {
		lines = append(lines, fmt.Sprintf("%c %o %d:%d %s", e.Type, e.Mode, e.UID, e.GID, e.Path))
	}
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Errorf("layer has\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func equalJSON(a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && string(x) == string(y)
}

func untar(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err != nil {
			return
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(h.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, h.Size)
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
		if err := root.WriteFile(h.Name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func entriesOf(t *testing.T, dir string) [][]testkit.Entry {
	t.Helper()
	layers, err := testkit.LayerEntries(dir)
	if err != nil {
		t.Fatal(err)
	}
	return layers
}
