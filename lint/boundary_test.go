package lint_test

import (
	"encoding/json"
	"slices"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/lint"
)

// TestBoundary wants the layers of the base to be told by each of the ways there are.
func TestBoundary(t *testing.T) {
	img := imageOf(t, tarOf(file("usr/base")), tarOf(file("usr/more")), tarOf(file("usr/own")))
	var config v1.Image
	must(t, json.Unmarshal(img.Config, &config))
	withLabel := config
	withLabel.Config.Labels = map[string]string{"ostree.final-diffid": config.RootFS.DiffIDs[1].String()}
	base := config
	base.RootFS.DiffIDs = config.RootFS.DiffIDs[:1]
	other := base
	other.RootFS.DiffIDs = config.RootFS.DiffIDs[2:]
	for name, c := range map[string]struct {
		linter lint.Linter
		config v1.Image
		want   []bool // derived, by layer
	}{
		"nothing known":  {lint.Linter{}, config, []bool{true, true, true}},
		"number":         {lint.Linter{BaseLayers: 2}, config, []bool{false, false, true}},
		"base config":    {lint.Linter{Base: &base}, config, []bool{false, true, true}},
		"another base":   {lint.Linter{Base: &other}, config, []bool{true, true, true}},
		"ostree's label": {lint.Linter{}, withLabel, []bool{false, false, true}},
		"too many":       {lint.Linter{BaseLayers: 9}, config, []bool{false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []bool
			c.linter.Rules = []lint.Rule{{ID: "ACME1", Slug: "acme", Severity: lint.Note, Stages: lint.InRoot,
				Check: func(f *lint.Facts, _ func(lint.Finding)) {
					for _, name := range []string{"/usr/base", "/usr/more", "/usr/own"} {
						got = append(got, f.Root.File(name).Derived())
					}
					if f.BoundaryKnown() == slices.Equal(got, []bool{true, true, true}) {
						t.Errorf("known: %t", f.BoundaryKnown())
					}
				}}}
			i := img
			var err error
			i.Config, err = json.Marshal(c.config)
			must(t, err)
			_, err = c.linter.Image(t.Context(), name, i)
			must(t, err)
			if !slices.Equal(got, c.want) {
				t.Errorf("derived %v, want %v", got, c.want)
			}
		})
	}
}
