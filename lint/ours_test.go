package lint_test

import (
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/examples/edge/edgeos"
	"github.com/bootloom/bootloom/lint"
)

// TestOurExamples wants the Specs of our own examples to be clean, on each family of bases, with no suppression.
func TestOurExamples(t *testing.T) {
	for _, base := range []bootc.Base{
		{Family: bootc.Debian, Tool: bootc.APT, OSRelease: map[string]string{"ID": "debian", "VERSION_ID": "13"}},
		{Family: bootc.Fedora, Tool: bootc.DNF4, OSRelease: map[string]string{"ID": "centos", "VERSION_ID": "10", "ID_LIKE": "rhel fedora"}},
		{Family: bootc.Fedora, Tool: bootc.DNF5, OSRelease: map[string]string{"ID": "fedora", "VERSION_ID": "42"}},
	} {
		base.Ref, base.Digest = "quay.io/acme/base:1", digest.FromString("base")
		base.Labels = map[string]string{"containers.bootc": "1"}
		for name, spec := range map[string]bootc.Spec{"edge": edgeos.Spec(base.Ref)} {
			r := lint.Linter{Profiles: []lint.Profile{lint.Edge, lint.Disk}}.Spec(spec, base)
			for _, f := range r.Findings {
				t.Errorf("%s with %s: %s", name, base.Tool, f)
			}
		}
	}
}
