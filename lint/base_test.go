package lint_test

import (
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/lint"
	"github.com/bootloom/bootloom/registry"
)

// explained are the findings about the bootable bases of the test kit that are true.
var explained = map[string]string{
	"BL112": "its prepare-root.conf says enabled = no",
	"BL122": "bootc, podman and skopeo are not in it: nothing here updates it",
}

// TestBases wants no finding about a real root file system that is not true.
func TestBases(t *testing.T) {
	for _, kind := range []testkit.Kind{testkit.Debian, testkit.DNF} {
		t.Run(string(kind), func(t *testing.T) {
			image, err := registry.Client{Anonymous: true}.Open(t.Context(), bootc.Image{Location: "oci:" + testkit.Base(t, kind)}, "")
			must(t, err)
			defer image.Close()
			l := lint.Linter{Profiles: []lint.Profile{lint.Edge}}
			r, err := l.Image(t.Context(), string(kind), lint.Image{Manifest: image.Manifest.Data, Config: image.ConfigData, Layer: image.Layer})
			must(t, err)
			for _, f := range r.Findings {
				switch {
				case explained[f.Rule] == "":
					t.Errorf("not explained: %s", f)
				case f.Severity == lint.Error:
					t.Errorf("an error: %s", f)
				}
			}
		})
	}
}
