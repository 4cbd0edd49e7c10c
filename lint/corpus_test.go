package lint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/internal/txtest"
	"github.com/bootloom/bootloom/lint"
)

var update = flag.Bool("update", false, "rewrite what the txtar files expect, and the pages of the rules")

// TestCorpus lints the target of each case, and compares all findings, or those of the rules in the section "rules", with
// the section "want". Images are linted once from each backend.
func TestCorpus(t *testing.T) {
	isInput := func(name string) bool { return name != "want" }
	txtest.Run(t, "testdata/*.txtar", isInput, func(t *testing.T, in []txtar.File) []txtar.File {
		c := parseCase(t, in)
		lines := c.lint(t)
		return []txtar.File{{Name: "want", Data: []byte(strings.Join(append(lines, ""), "\n"))}}
	})
}

// TestRuleCases wants each rule's Bad case to fire the rule, and its Good case not to.
func TestRuleCases(t *testing.T) {
	for _, r := range lint.Rules() {
		t.Run(r.ID+" "+r.Slug, func(t *testing.T) {
			run := func(text string) []string {
				files := txtar.Parse([]byte(text)).Files
				if len(files) == 0 {
					t.Fatal("the case is empty")
				}
				c := parseCase(t, files)
				c.rules = []string{r.ID}
				if len(r.Profiles) > 0 {
					c.linter.Profiles = append(c.linter.Profiles, r.Profiles...)
				}
				return c.lint(t)
			}
			if r.Bad == "" && r.Good == "" && r.Severity == lint.Note && r.ID == "BL005" {
				return // limits have tests of their own
			}
			if got := run(r.Bad); len(got) == 0 {
				t.Error("the bad case does not fire")
			}
			if got := run(r.Good); len(got) > 0 {
				t.Errorf("the good case fires:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

// lint runs the case on every backend that can show its target, and wants the same from all.
func (c *testCase) lint(t testing.TB) []string {
	t.Helper()
	switch {
	case c.containerfile != nil:
		return c.shown(c.linter.Containerfile(*c.containerfile))
	case c.spec != nil:
		return c.shown(c.linter.Spec(*c.spec, c.base))
	case c.isImage:
		return c.images(t)
	}
	t.Fatal("the case has no target: neither Containerfile nor spec.json nor a layer")
	return nil
}

// images lints the image from tar files, from directories of layers as overlayfs has them, and as one merged directory. Each
// must show what the first does, as far as it can know it.
func (c *testCase) images(t testing.TB) []string {
	t.Helper()
	name := "case"
	if c.old != nil {
		r, err := c.linter.Upgrade(t.Context(), name, c.old.source(t).image(t), c.source(t).image(t))
		if err != nil {
			t.Fatal(err)
		}
		return c.shown(r)
	}
	src := c.source(t)
	r, err := c.linter.Image(t.Context(), name, src.image(t))
	if err != nil {
		t.Fatal(err)
	}
	cached := c.linter
	cached.Cache = t.TempDir()
	for range 2 { // the second time from the cache alone
		again, err := cached.Image(t.Context(), name, src.image(t))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "cache", c.shown(again), c.shown(r))
		src.blobs = nil
	}
	src = c.source(t)
	if os.Geteuid() != 0 || !c.onDisk() {
		return c.shown(r)
	}
	o := lint.Overlay{Manifest: src.image(t).Manifest, Config: src.image(t).Config}
	for n := range c.layers {
		o.Dirs = append(o.Dirs, c.dir(t, n))
	}
	overlay, err := c.linter.Overlay(t.Context(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "overlay", c.known(overlay, everyStage), c.known(r, everyStage))
	merged, err := c.linter.Dir(t.Context(), c.merged(t))
	if err != nil {
		t.Fatal(err)
	}
	if c.linter.BaseLayers == 0 && c.linter.Base == nil { // which a directory cannot tell
		same(t, "directory", c.known(merged, lint.InRoot), c.known(r, lint.InRoot))
	}
	return c.shown(r)
}

const everyStage = lint.Stage(0xff)

// known are the findings of rules that can tell something at the stage alone, without what only tar files show.
func (c *testCase) known(r lint.Report, s lint.Stage) []string {
	at := map[string]lint.Stage{}
	for _, rule := range lint.Rules() {
		at[rule.ID] = rule.Stages
	}
	r.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f lint.Finding) bool {
		return at[f.Rule]&s == 0 || slices.Contains(onlyTar, f.Rule) || s == lint.InRoot && at[f.Rule]&(lint.InConfig|lint.InLayers) != 0
	})
	if s == lint.InRoot { // of a directory nobody knows what made it
		for i := range r.Findings {
			r.Findings[i].Source = nil
		}
	}
	lines := c.shown(r)
	slices.Sort(lines)
	return lines
}

// onlyTar are rules about what a directory does not show.
var onlyTar = []string{"BL119", "BL123", "BL004", "BL001"}

func same(t testing.TB, backend string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the backend %s shows\n%s\nand the tar files\n%s", backend, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// tarImage is an image in memory.
type tarImage struct {
	manifest v1.Manifest
	config   v1.Image
	blobs    map[digest.Digest][]byte
}

// image is it as a linter takes it.
func (i *tarImage) image(t testing.TB) lint.Image {
	t.Helper()
	manifest, err := json.Marshal(i.manifest)
	must(t, err)
	config, err := json.Marshal(i.config)
	must(t, err)
	return lint.Image{Manifest: manifest, Config: config, Layer: func(_ context.Context, n int) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(i.blobs[i.manifest.Layers[n].Digest])), nil
	}}
}

func (c *testCase) source(t testing.TB) *tarImage {
	t.Helper()
	img := &tarImage{manifest: c.manifest, config: c.config, blobs: map[digest.Digest][]byte{}}
	img.manifest.Layers = slices.Clone(img.manifest.Layers)
	for _, l := range c.layers {
		b := l.tar(t)
		d := digest.FromBytes(b)
		img.blobs[d] = b
		img.manifest.Layers = append(img.manifest.Layers, v1.Descriptor{MediaType: v1.MediaTypeImageLayer, Digest: d, Size: int64(len(b))})
		img.config.RootFS.DiffIDs = append(img.config.RootFS.DiffIDs, d)
	}
	return img
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
