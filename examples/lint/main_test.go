package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/lint"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// layout makes an image with one file of kernel arguments.
func layout(t *testing.T, kargs string) string {
	t.Helper()
	dir := t.TempDir()
	_, err := testkit.WriteLayout(dir, v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}, func(tw *tar.Writer) error {
		err := tw.WriteHeader(&tar.Header{Name: "usr/lib/bootc/kargs.d/10.toml", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(kargs))})
		_, err2 := tw.Write([]byte(kargs))
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	return "oci:" + dir + ":latest"
}

// TestTargets wants each kind of target to be recognised, and to fail by the severity asked for.
func TestTargets(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "Containerfile"), "FROM quay.io/acme/base:1 AS first\nRUN systemctl start x\nFROM quay.io/acme/base:1\nCOPY k /usr/lib/bootc/kargs.d/k.toml\n")
	write(t, filepath.Join(dir, "k"), "kargs = 1\n")
	root := filepath.Join(dir, "root")
	write(t, filepath.Join(root, "usr/lib/bootc/kargs.d/k.toml"), "kargs = 1\n")
	image := layout(t, "kargs = 1\n")
	made := write(t, filepath.Join(dir, "Made"), "FROM quay.io/acme/base:1\nCOPY k /usr/lib/bootc/kargs.d/10.toml\n")
	warnings := write(t, filepath.Join(dir, "Warnings"), "FROM quay.io/acme/base:latest\n")
	for name, c := range map[string]struct {
		config
		want  string // in the output
		fails bool
	}{
		"Containerfile":       {config{args: []string{file}}, "/usr/lib/bootc/kargs.d/k.toml:1: error BL105", true},
		"a stage of it":       {config{args: []string{file}, target: "first"}, "error BL405", true},
		"directory":           {config{args: []string{root}}, "/usr/lib/bootc/kargs.d/k.toml:1: error BL105", true},
		"layout":              {config{args: []string{image}, platform: "linux/amd64"}, "error BL901", true},
		"update":              {config{args: []string{image}, old: layout(t, "kargs = []\n"), platform: "linux/amd64"}, "latest", false},
		"warnings":            {config{args: []string{warnings}}, "warning BL801", false},
		"warnings that fail":  {config{args: []string{warnings}, failOn: "warning"}, "warning BL801", true},
		"rules that are off":  {config{args: []string{file}, off: "BL105,live-verb-in-run"}, "Containerfile", false},
		"never fails":         {config{args: []string{file}, failOn: "off"}, "error BL105", false},
		"json":                {config{args: []string{file}, format: "json"}, `"rule": "BL105"`, true},
		"sarif":               {config{args: []string{file}, format: "sarif"}, `"ruleId": "BL105"`, true},
		"github":              {config{args: []string{file}, format: "github"}, "::error title=BL105", true},
		"the rules":           {config{listRules: true}, "BL901 bootc-label", false},
		"config file":         {config{args: []string{warnings}, config: write(t, filepath.Join(dir, "lint.json"), `{"failOn": "warning"}`)}, "BL801", true},
		"positions in layers": {config{args: []string{image}, platform: "linux/amd64", containerfile: made}, "Made:2: /usr/lib/bootc/kargs.d/10.toml", true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.format == "" {
				c.format = "text"
			}
			var out bytes.Buffer
			err := run(t.Context(), c.config, &out)
			_, failed := errors.AsType[*lint.FindingsError](err)
			if failed != c.fails || err != nil && !failed {
				t.Errorf("%v\n%s", err, &out)
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("no %q in\n%s", c.want, &out)
			}
			if c.format == "json" || c.format == "sarif" {
				if !json.Valid(out.Bytes()) {
					t.Errorf("no JSON: %s", &out)
				}
			}
		})
	}
}

// TestBaseline wants findings that were written down to be none the next time.
func TestBaseline(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "Containerfile"), "FROM quay.io/acme/base:1\nRUN systemctl start x\n")
	c := config{args: []string{file}, format: "text", writeBaseline: filepath.Join(dir, "baseline")}
	if err := run(t.Context(), c, new(bytes.Buffer)); err == nil {
		t.Fatal("nothing was found")
	}
	c.baseline, c.writeBaseline = c.writeBaseline, ""
	if err := run(t.Context(), c, new(bytes.Buffer)); err != nil {
		t.Error(err)
	}
}

// TestMistakes wants an error that is not about findings.
func TestMistakes(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "Containerfile"), "FROM quay.io/acme/base:1\n")
	for name, c := range map[string]config{
		"no target":    {},
		"format":       {args: []string{file}, format: "xml"},
		"severity":     {args: []string{file}, failOn: "fatal"},
		"rule":         {args: []string{file}, off: "BL000"},
		"baseline":     {args: []string{file}, baseline: "missing"},
		"config":       {args: []string{file}, config: file},
		"layout":       {args: []string{"oci:missing"}},
		"short name":   {args: []string{"fedora"}},
		"unknown path": {args: []string{"./missing"}},
	} {
		err := run(t.Context(), c, new(bytes.Buffer))
		if _, failed := errors.AsType[*lint.FindingsError](err); err == nil || failed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
