package flightctl_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestEmbeddedAppsAskedOfTheAgent has the agent's own code read what EmbeddedApp lets through and refuses: what the agent
// refuses, EmbeddedApp does, and what only EmbeddedApp refuses has a reason.
func TestEmbeddedAppsAskedOfTheAgent(t *testing.T) {
	agent := testkit.FlightctlEmbedded(t)
	container := func(lines ...string) string {
		return "[Container]\nImage=quay.io/acme/a:1\n" + strings.Join(lines, "\n") + "\n"
	}
	type app = flightctl.EmbeddedApp
	for name, c := range map[string]struct {
		app
		refused string // a part of the agent's error; empty if it takes the application
		strict  string // why we refuse it although the agent does not
	}{
		"compose":           {app{Compose: "services:\n  a:\n    image: quay.io/acme/a:1\n    volumes: [x:/x]\nvolumes:\n  x:\n"}, "", ""},
		"compose override":  {app{Compose: "services:\n  a:\n    image: quay.io/acme/a:1\n", ComposeOverride: "services:\n  a:\n    image: quay.io/acme/a:2\n"}, "", ""},
		"poor override":     {app{Compose: "services:\n  a:\n    image: quay.io/acme/a:1\n", ComposeOverride: "services:\n  a:\n    environment: {A: b}\n"}, "missing an image", ""},
		"no services":       {app{Compose: "services: {}\n"}, "no services", ""},
		"no YAML":           {app{Compose: "services:\n\ta: b\n"}, "YAML", ""},
		"container name":    {app{Compose: "services:\n  a:\n    image: quay.io/acme/a:1\n    container_name: a\n"}, "container_name", ""},
		"short name":        {app{Compose: "services:\n  a:\n    image: nginx:1\n"}, "Invalid", ""},
		"no registry":       {app{Compose: "services:\n  a:\n    image: library/nginx:1\n"}, "", "podman would search for it"},
		"variable":          {app{Compose: "services:\n  a:\n    image: quay.io/acme/a:${TAG}\n"}, "Invalid", ""},
		"build":             {app{Compose: "services:\n  a:\n    build: .\n"}, "missing an image", ""},
		"long volume":       {app{Compose: "services:\n  a:\n    image: quay.io/acme/a:1\n    volumes:\n    - type: bind\n      source: /a\n      target: /b\n"}, "cannot unmarshal object", ""},
		"container":         {app{Quadlets: map[string]string{"a.container": container()}}, "", ""},
		"image in drop-in":  {app{Quadlets: map[string]string{"a-b.container": "[Container]\nPublishPort=80:80\n"}, Files: map[string]string{"a-.container.d/10.conf": container()}}, "", ""},
		"all kinds":         {app{Quadlets: map[string]string{"a.container": "[Container]\nImage=i.image\nPod=p.pod\nVolume=v.volume:/v\nNetwork=n.network\n", "i.image": "[Image]\nImage=quay.io/acme/i:1\n", "p.pod": "[Pod]\n", "v.volume": "[Volume]\n", "n.network": "[Network]\n"}}, "", ""},
		"no image":          {app{Quadlets: map[string]string{"a.container": "[Container]\nExec=x\n"}}, "Image key", ""},
		"empty section":     {app{Quadlets: map[string]string{"a.container": "[Container]\n"}}, "Image key", ""},
		"short image":       {app{Quadlets: map[string]string{"a.container": "[Container]\nImage=nginx\n"}}, "Invalid", ""},
		"wrong section":     {app{Quadlets: map[string]string{"a.container": "[Pod]\n"}}, "does not match file extension", ""},
		"two sections":      {app{Quadlets: map[string]string{"a.container": container("[Pod]")}}, "multiple quadlet type sections", ""},
		"no section":        {app{Quadlets: map[string]string{"a.container": "nothing\n"}}, "non quadlet type", ""},
		"build section":     {app{Quadlets: map[string]string{"a.container": container("[Build]", "ImageTag=x")}}, "unsupported quadlet type", ""},
		"build file":        {app{Quadlets: map[string]string{"a.container": container(), "b.build": "[Build]\nImageTag=x\n"}}, "", "the agent leaves it aside, and podman builds it"},
		"build image":       {app{Quadlets: map[string]string{"a.container": "[Container]\nImage=b.build\n"}}, ".build quadlet types are unsupported", ""},
		"idle":              {app{Quadlets: map[string]string{"v.volume": "[Volume]\n"}}, "no valid quadlet workloads", ""},
		"missing volume":    {app{Quadlets: map[string]string{"a.container": container("Volume=v.volume:/v")}}, "not defined in the application", ""},
		"missing network":   {app{Quadlets: map[string]string{"a.container": container("Network=n.network:ip=10.0.0.2")}}, "not defined in the application", ""},
		"missing pod":       {app{Quadlets: map[string]string{"a.container": container("Pod=p.pod")}}, "not defined in the application", ""},
		"missing mount":     {app{Quadlets: map[string]string{"a.container": container("Mount=type=volume,source=v.volume,destination=/v")}}, "not defined in the application", ""},
		"mounted image":     {app{Quadlets: map[string]string{"a.container": container("Mount=type=image,source=busybox,destination=/v")}}, "Invalid", ""},
		"mount is no CSV":   {app{Quadlets: map[string]string{"a.container": container(`Mount="`)}}, "parse error", ""},
		"bind":              {app{Quadlets: map[string]string{"a.container": container("Mount=type=bind,src=/a,dst=/b", "Volume=/a:/b", "Network=host")}}, "", ""},
		"same name":         {app{Quadlets: map[string]string{"a.container": container("ContainerName=x"), "b.container": container("ContainerName=x")}}, "duplicate ContainerName", ""},
		"volume of image":   {app{Quadlets: map[string]string{"a.container": container("Volume=v.volume:/v"), "v.volume": "[Volume]\nDriver=image\nImage=busybox\n"}}, "Invalid", ""},
		"quadlet below":     {app{Quadlets: map[string]string{"a.container": container()}, Files: map[string]string{"sub/b.container": container()}}, "top level", ""},
		"kube (before 1.3)": {app{Quadlets: map[string]string{"a.container": container(), "k.kube": "[Kube]\nYaml=k.yaml\n"}, Files: map[string]string{"k.yaml": "kind: Pod\n"}}, "", "agents before 1.3 leave it aside"},
	} {
		t.Run(name, func(t *testing.T) {
			c.Name = "it"
			root := t.TempDir()
			dir := filepath.Join(root, "usr/local/etc/containers/systemd/it")
			files := map[string]string{}
			if c.Compose != "" {
				dir = filepath.Join(root, "usr/local/etc/compose/manifests/it")
				files["podman-compose.yaml"] = c.Compose
			}
			if c.ComposeOverride != "" {
				files["podman-compose.override.yaml"] = c.ComposeOverride
			}
			for _, more := range []map[string]string{c.Quadlets, c.Files} {
				for name, text := range more {
					files[name] = text
				}
			}
			for name, text := range files {
				writeFile(t, filepath.Join(dir, name), []byte(text))
			}
			out, err := exec.Command(agent, root).CombinedOutput()
			if (err != nil) != (c.refused != "") || !strings.Contains(string(out), c.refused) {
				t.Errorf("the agent says %v, want %q:\n%s", err, c.refused, out)
			}
			_, err = bootc.From(stream10.Ref).With(c.app, flightctl.Agent{Version: "1.2.0", Binding: late}).Compile(stream10)
			if (err != nil) != (c.refused != "" || c.strict != "") {
				t.Errorf("we say %v, and the agent\n%s", err, out)
			}
		})
	}
}

// FuzzEmbeddedApp wants errors with a field, or a plan, of whatever text.
func FuzzEmbeddedApp(f *testing.F) {
	f.Add("services:\n  a:\n    image: quay.io/acme/a:1\n", "[Container]\nImage=quay.io/acme/a:1\nMount=type=image,source=b.image\n", "[Kube]\nYaml=pod.yaml\n", "kind: Pod\n")
	f.Add("services: [a]", "Mount=\"", "[", "\x00")
	f.Fuzz(func(t *testing.T, compose, container, kube, text string) {
		for _, a := range []flightctl.EmbeddedApp{
			{Name: "a", Compose: compose, ComposeOverride: text},
			{Name: "b", Quadlets: map[string]string{"a.container": container, "k.kube": kube}, Files: map[string]string{"pod.yaml": text, "a.container.d/1.conf": text}},
		} {
			_, err := bootc.From(stream10.Ref).With(a).Compile(stream10)
			if err != nil && len(bootc.FieldErrors(err)) == 0 {
				t.Errorf("%v has no field", err)
			}
		}
	})
}
