// Package linttest lints the images of our own examples.
package linttest

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
)

// bases are one of each family and package tool that images are made from.
var bases = []bootc.Base{
	{Family: bootc.Debian, Tool: bootc.APT, Kernel: "6.12.48+deb13-amd64", OSRelease: map[string]string{"ID": "debian", "VERSION_ID": "13"}},
	{Family: bootc.Fedora, Tool: bootc.DNF4, Kernel: "6.12.0-100.el10.x86_64", OSRelease: map[string]string{"ID": "centos", "VERSION_ID": "10", "ID_LIKE": "rhel fedora"}},
	{Family: bootc.Fedora, Tool: bootc.DNF5, Kernel: "6.16.3-200.fc42.x86_64", OSRelease: map[string]string{"ID": "fedora", "VERSION_ID": "42"}},
}

// files are those of a base that features merge with their own.
var files = fstest.MapFS{"etc/containers/policy.json": {Mode: 0o644, Data: []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`)}}

// Options of Clean. The zero value wants nothing to be found, on a base of each package tool.
type Options struct {
	// Tools are those of bases that the image can be made from; none are all.
	Tools []bootc.PackageTool
	// Notes are the rules, by ID, of which a note is wanted: what the image does on purpose.
	Notes []string
}

// Clean lints a Spec on bases of several families, with the profiles of an edge device that is installed from a disk image,
// and without suppressions. Nothing is built.
func Clean(t *testing.T, spec func(base string) bootc.Spec, o Options) {
	t.Helper()
	for _, base := range bases {
		if len(o.Tools) > 0 && !slices.Contains(o.Tools, base.Tool) {
			continue
		}
		base.Ref, base.Digest = "quay.io/acme/base:1", digest.FromString("base")
		base.Platform, base.Files = "linux/amd64", files
		base.Labels = map[string]string{"containers.bootc": "1"}
		r := lint.Linter{Profiles: []lint.Profile{lint.Edge, lint.Disk}}.Spec(spec(base.Ref), base)
		var noted []string
		for _, f := range r.Findings {
			if f.Severity == lint.Note && slices.Contains(o.Notes, f.Rule) {
				noted = append(noted, f.Rule)
				continue
			}
			t.Errorf("with %s: %s", base.Tool, f)
		}
		for _, id := range o.Notes {
			if !slices.Contains(noted, id) {
				t.Errorf("with %s: no note of %s", base.Tool, id)
			}
		}
	}
}
