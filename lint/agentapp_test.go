package lint_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/lint"
)

// TestAgentAppsOracle has the code of the agent read the applications of an image: what it refuses is an error of BL717. The feature
// EmbeddedApp has been asked about their content; this is about which files the agent takes for what.
func TestAgentAppsOracle(t *testing.T) {
	agent := testkit.FlightctlEmbedded(t)
	const (
		compose   = "services:\n  a:\n    image: quay.io/acme/a:1\n"
		container = "[Container]\nImage=quay.io/acme/a:1\n"
		manifests = "usr/local/etc/compose/manifests/"
		quadlets  = "usr/local/etc/containers/systemd/"
	)
	for name, c := range map[string]struct {
		files   map[string]string
		refused bool
	}{
		"podman-compose.yaml":         {map[string]string{manifests + "a/podman-compose.yaml": compose}, false},
		"docker-compose.yml":          {map[string]string{manifests + "a/docker-compose.yml": compose}, false},
		"compose.yaml":                {map[string]string{manifests + "a/compose.yaml": compose}, true},
		"any other yaml":              {map[string]string{manifests + "a/values.yaml": "a: b\n"}, true},
		"no yaml":                     {map[string]string{manifests + "a/README": "x"}, false},
		"override alone":              {map[string]string{manifests + "a/podman-compose.override.yaml": compose}, true},
		"with an override":            {map[string]string{manifests + "a/podman-compose.yaml": compose, manifests + "a/podman-compose.override.yaml": compose}, false},
		"override without image":      {map[string]string{manifests + "a/podman-compose.yaml": compose, manifests + "a/podman-compose.override.yaml": "services:\n  a:\n    tty: true\n"}, true},
		"container_name":              {map[string]string{manifests + "a/podman-compose.yaml": compose + "    container_name: a\n"}, true},
		"quadlet":                     {map[string]string{quadlets + "a/a.container": container}, false},
		"quadlet without image":       {map[string]string{quadlets + "a/a.container": "[Container]\nExec=true\n"}, true},
		"quadlet below":               {map[string]string{quadlets + "a/sub/a.container": container, quadlets + "a/b.container": container}, true},
		"only a volume":               {map[string]string{quadlets + "a/a.volume": "[Volume]\n"}, true},
		"directory without a quadlet": {map[string]string{quadlets + "a/README": "x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, text := range c.files {
				file = filepath.Join(root, file)
				must(t, os.MkdirAll(filepath.Dir(file), 0o755))
				must(t, os.WriteFile(file, []byte(text), 0o644))
			}
			out, err := exec.CommandContext(t.Context(), agent, root).CombinedOutput()
			if (err != nil) != c.refused {
				t.Errorf("the agent says %v:\n%s", err, out)
			}
			r, err := lint.Linter{Profiles: []lint.Profile{lint.Edge}}.Dir(t.Context(), root)
			must(t, err)
			refused := false
			for _, f := range r.Findings {
				refused = refused || f.Rule == "BL717"
			}
			if refused != c.refused {
				t.Errorf("BL717 says %t, the agent\n%s", refused, out)
			}
		})
	}
}
