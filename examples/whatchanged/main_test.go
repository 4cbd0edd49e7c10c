package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc/changes"
	"github.com/bootloom/bootloom/internal/testkit"
)

func TestRun(t *testing.T) {
	var images []string
	for _, version := range []string{"1.4.0", "1.5.0"} {
		dir := filepath.Join(t.TempDir(), "layout")
		config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "arm64"}}
		config.Config.Labels = map[string]string{v1.AnnotationVersion: version}
		if _, err := testkit.WriteLayout(dir, config, testkit.FileLayer(map[string]string{"usr/lib/acme": version})); err != nil {
			t.Fatal(err)
		}
		images = append(images, "oci:"+dir)
	}
	var text, js strings.Builder
	args := append([]string{"-platform", "linux/arm64", "-cache", t.TempDir()}, images...)
	if err := run(t.Context(), args, &text); err != nil || !strings.Contains(text.String(), "1.4.0 to 1.5.0") || !strings.Contains(text.String(), "changed `/usr/lib/acme`") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if err := run(t.Context(), append([]string{"-format", "json"}, args...), &js); err != nil {
		t.Fatal(err)
	}
	var r changes.Report
	if err := json.Unmarshal([]byte(js.String()), &r); err != nil || len(r.Files) != 1 || r.String() != text.String() {
		t.Errorf("%v\n%s", err, js.String())
	}
	for _, args := range [][]string{{images[0]}, {"oci:/none", images[0]}, append([]string{"-format", "yaml"}, args...)} {
		if err := run(t.Context(), args, &text); err == nil {
			t.Errorf("%q", args)
		}
	}
}
