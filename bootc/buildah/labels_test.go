//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestLabels ends plans with a LABEL: one that goes into the config at once, one with words that the builder must
// expand, and one that is all there is.
func TestLabels(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	label := func(value string) containerfile.Step {
		return containerfile.Label{{Key: "acme.title", Value: value}, {Key: "acme.empty", Value: ""}}
	}
	for name, c := range map[string]struct {
		plan bootc.Plan
		want string
	}{
		"plain":    {plan(base, files(), label(`says "so", 'ü' & <b>`)), `says "so", 'ü' & <b>`},
		"expands":  {plan(base, files(), containerfile.Arg{{Name: "A", Default: "b", HasDefault: true}}, label("a$A")), "ab"},
		"escaped":  {plan(base, files(), label(containerfile.Literal("costs $5"))), "costs $5"},
		"only one": {plan(base, nil, label("x")), "x"},
	} {
		out := t.TempDir()
		r := &recorder{t: t}
		if _, err := e.Build(t.Context(), c.plan, bootc.BuildOptions{Output: "oci:" + out, OnEvent: r.on}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, _, config, err := testkit.ReadImage(out)
		if err != nil {
			t.Fatal(err)
		}
		got, empty := config.Config.Labels["acme.title"], config.Config.Labels["acme.empty"]
		_, has := config.Config.Labels["acme.empty"]
		if got != c.want || empty != "" || !has {
			t.Errorf("%s: labels %q, want acme.title %q", name, config.Config.Labels, c.want)
		}
		for key, want := range base.Labels {
			if config.Config.Labels[key] != want {
				t.Errorf("%s: the base's label %s is %q, want %q", name, key, config.Config.Labels[key], want)
			}
		}
		last := config.History[len(config.History)-1]
		if !strings.Contains(last.CreatedBy, "LABEL") || !last.EmptyLayer || last.Created == nil || !last.Created.Equal(epoch) {
			t.Errorf("%s: the history ends with %+v", name, last)
		}
		steps := r.kinds(bootc.EventStep)
		end := steps[len(steps)-1]
		if !strings.HasPrefix(end.Text, "LABEL acme.title=") || end.Step != end.Steps || len(end.Features) != 1 {
			t.Errorf("%s: the last step is %+v", name, end)
		}
	}
}
