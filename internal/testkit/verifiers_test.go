package testkit

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The whole way of a device: cosign signs, and skopeo and podman accept what is signed and nothing else.
func TestVerifiers(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a chroot with mmdebstrap; -short is set")
	}
	v := NewVerifiers(t)
	reg := NewDockerRegistry(t, RegistryOptions{TLS: true})
	dir := t.TempDir()
	write := func(name, content string) string {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("certs.d/"+reg.Host+"/ca.crt", string(reg.CA))
	v = v.With("/test", dir, "/etc/containers/certs.d", filepath.Join(dir, "certs.d"))
	v.Env = []string{"HOME=/root", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "COSIGN_PASSWORD=", "SSL_CERT_FILE=/test/certs.d/" + reg.Host + "/ca.crt"}

	must := func(stdout, stderr string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return stdout
	}
	layout := v.With("/base", Base(t, Tiny))
	for _, name := range []string{"signed", "unsigned"} {
		must(layout.Skopeo(t.Context(), "--insecure-policy", "copy", "-q", "oci:/base:latest", "docker://"+reg.Host+"/acme/"+name+":1"))
	}
	digest := strings.TrimSpace(must(v.Skopeo(t.Context(), "inspect", "--format", "{{.Digest}}", "docker://"+reg.Host+"/acme/signed:1")))
	must(v.Cosign(t.Context(), "generate-key-pair", "--output-key-prefix", "/test/key"))
	ref := reg.Host + "/acme/signed@" + digest
	must(v.Cosign(t.Context(), "sign", "--yes", "--tlog-upload=false", "--key", "/test/key.key", ref))
	must(v.Cosign(t.Context(), "verify", "--key", "/test/key.pub", "--insecure-ignore-tlog=true", "--private-infrastructure", ref))
	if _, _, err := v.Cosign(t.Context(), "verify", "--key", "/test/key.pub", "--insecure-ignore-tlog=true", "--private-infrastructure",
		reg.Host+"/acme/unsigned:1"); err == nil {
		t.Error("cosign accepts the unsigned image")
	}

	device := v.With(
		"/etc/containers/policy.json", write("policy.json", `{"default":[{"type":"reject"}],"transports":{"docker":{"`+reg.Host+
			`":[{"type":"sigstoreSigned","keyPath":"/test/key.pub","signedIdentity":{"type":"matchRepository"}}]}}}`),
		"/etc/containers/registries.d/test.yaml", write("test.yaml", "docker:\n  "+reg.Host+":\n    use-sigstore-attachments: true\n"))
	for name, pull := range map[string]func(image string) error{
		"skopeo": func(image string) error {
			_, _, err := device.Skopeo(t.Context(), "copy", "-q", "--remove-signatures", "docker://"+image, "oci:/tmp/copy:1")
			return err
		},
		"podman": func(image string) error {
			_, _, err := device.Podman(t.Context(), "pull", "-q", image)
			return err
		},
	} {
		if err := pull(ref); err != nil {
			t.Errorf("%s refuses the signed image: %v", name, err)
		}
		err := pull(reg.Host + "/acme/unsigned:1")
		if err == nil || !strings.Contains(err.Error(), "A signature was required, but no signature exists") {
			t.Errorf("%s and the unsigned image: %v", name, err)
		}
	}
}

func TestChroot(t *testing.T) {
	NeedRoot(t)
	NeedTool(t, "unshare")
	root := Root(t, Tiny)
	shared := t.TempDir()
	c := Chroot{Root: root}.With("/shared", shared)
	before, _ := os.ReadFile("/proc/self/mountinfo")

	out, _, err := c.Run(t.Context(), "sh", "-c", "echo lost > /etc/new; echo kept > /shared/new; test -e /proc/self/status && cat /etc/motd; echo $HOME")
	if err != nil || out != "upper layer\n/root\n" {
		t.Errorf("%q %v", out, err)
	}
	if _, err := os.Stat(root + "/etc/new"); err == nil {
		t.Error("the root file system was changed")
	}
	if b, err := os.ReadFile(shared + "/new"); err != nil || string(b) != "kept\n" {
		t.Errorf("%q %v", b, err)
	}

	_, stderr, err := c.Run(t.Context(), "sh", "-c", "echo why >&2; exit 3")
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 || stderr != "why\n" {
		t.Errorf("%q %v", stderr, err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, _, err = c.Run(ctx, "sh", "-c", "sleep 98765 & sleep 100; true"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 4*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		if b, _ := os.ReadFile(p); string(b) == "sleep\x0098765\x00" {
			t.Errorf("%s still runs", p)
		}
	}
	if after, _ := os.ReadFile("/proc/self/mountinfo"); string(after) != string(before) {
		t.Error("mounts were left behind")
	}
}
