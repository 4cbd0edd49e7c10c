package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/internal/testkit"
)

// TestPresetOracle has systemctl preset-all enable what presets say.
func TestPresetOracle(t *testing.T) {
	testkit.NeedTool(t, "systemctl")
	root := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	units := []string{"acme.service", "acme-extra.service", "other.service", "third.timer", "last.service", "hidden.service", "odd.service"}
	for _, u := range units {
		write("usr/lib/systemd/system/"+u, "[Service]\nExecStart=/usr/bin/true\n[Install]\nWantedBy=multi-user.target\n")
	}
	files := map[string]string{
		"/usr/lib/systemd/system-preset/90-default.preset": "# comment\n; comment\nenable acme.service\ndisable acme*\nenable other.service\nenable hidden.service\n",
		"/usr/lib/systemd/system-preset/80-first.preset":   "disable other.service\nenable acme-x*\nnonsense third.timer\nignore odd.service\n",
		"/usr/lib/systemd/system-preset/85-over.preset":    "disable last.service\n",
		"/etc/systemd/system-preset/85-over.preset":        "enable l[ao]st.service\n",
		"/usr/lib/systemd/system-preset/99-all.preset":     "disable *\n",
		"/usr/lib/systemd/system-preset/00-not":            "enable third.timer\n",
	}
	layer := &Layer{}
	for name, text := range files {
		write(name, text)
		layer.Files = append(layer.Files, File{Path: name, Mode: 0o644, more: &more{content: []byte(text), has: hasContent}})
	}
	layer.Files = sorted(layer.Files)
	f := &Facts{Root: newTree([]*Layer{layer}, true)}

	out, err := exec.CommandContext(t.Context(), "systemctl", "--root="+root, "preset-all").CombinedOutput()
	if err != nil {
		t.Fatalf("systemctl: %v\n%s", err, out)
	}
	for _, u := range units {
		_, err := os.Lstat(filepath.Join(root, "etc/systemd/system/multi-user.target.wants", u))
		if ours := preset(f.presets(), u); (ours == "enable") != (err == nil) {
			t.Errorf("%s: we say %s, systemctl enabled it: %t", u, ours, err == nil)
		}
	}
}

// FuzzPreset wants any text to be read, and each unit to have an answer.
func FuzzPreset(f *testing.F) {
	f.Add("enable a@.service x y\ndisable *\nignore [\n", "a@x.service")
	f.Fuzz(func(t *testing.T, text, unit string) {
		lines, mistakes := parsePreset(text)
		for _, l := range lines {
			if l.line < 1 || l.line > strings.Count(text, "\n")+1 || l.pattern == "" {
				t.Errorf("%q: %+v", text, l)
			}
		}
		for _, m := range mistakes {
			if m.err == nil {
				t.Error("a mistake without an error")
			}
		}
		switch got := preset(lines, unit); got {
		case "enable", "disable", "ignore":
		default:
			t.Errorf("%q for %q: %q", text, unit, got)
		}
	})
}
