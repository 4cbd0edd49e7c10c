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
	"BL201": "Debian's packages keep state in /var that only dpkg and apt need",
	"BL202": "Debian's packages have no tmpfiles.d lines for their directories in /var",
	"BL205": "Debian's base-files ships /run/lock",
	"BL207": "its /opt and /usr/local are links into /var, as on many bases",
	"BL211": "Debian's base-files ships /root/.bashrc and .profile",
	"BL213": "Debian's systemd ships /etc/default/locale and /etc/vconsole.conf as links to files that nothing has written yet",
	"BL713": "they have no agent of Flight Control, which the profile edge is about",
	"BL906": "their policy.json is that of a stock base, which accepts everything",
	"BL909": "they are made without a builder, which would write the annotations",
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
