package main

import (
	"archive/tar"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/examples/edge/edgeos"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

// TestEdge runs the program against a registry with TLS and a password, and takes apart what it published.
func TestEdge(t *testing.T) {
	testkit.NeedVM(t)
	base := testkit.Base(t, testkit.Debian)
	login, passphrase := testkit.NewCanary(), testkit.NewCanary()
	server := testkit.NewDockerRegistry(t, testkit.RegistryOptions{TLS: true, Username: "ci", Password: login})
	client := registry.Client{
		CA:          server.CA,
		Credentials: map[string]registry.Credential{server.Host: {Username: "ci", Password: login}},
	}
	dir := t.TempDir()
	from, to := server.Host+"/base/debian:trixie", server.Host+"/acme/edge-os"
	seed := bootc.Image{Location: "oci:" + base}
	if _, err := client.Publish(t.Context(), seed, server.Host+"/base/debian", registry.PublishOptions{Tags: []string{"trixie"}, Unsigned: true}); err != nil {
		t.Fatal(err)
	}

	c := config{base: from, push: to, root: filepath.Join(dir, "store"), tags: "1.4.0,latest"}
	c.ca, c.authfile, c.key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "auth.json"), filepath.Join(dir, "cosign.key")
	write(t, c.ca, server.CA)
	key, err := sign.Generate()
	if err != nil {
		t.Fatal(err)
	}
	private, err := key.EncryptedPEM([]byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	write(t, c.key, private)
	t.Setenv("EDGE_KEY_PASSWORD", passphrase)
	auth, err := json.Marshal(map[string]any{"auths": map[string]any{server.Host: map[string][]byte{"auth": []byte("ci:" + login)}}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, c.authfile, auth)
	if err := run(t.Context(), c); err != nil {
		t.Fatal(err)
	}

	layout := filepath.Join(dir, "pulled")
	if _, err := client.Pull(t.Context(), to+":1.4.0", "oci:"+layout, registry.PullOptions{}); err != nil {
		t.Fatal(err)
	}
	_, baseManifest, baseConfig, err := testkit.ReadImage(base)
	if err != nil {
		t.Fatal(err)
	}
	_, manifest, config, err := testkit.ReadImage(layout)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("base layers", func(t *testing.T) {
		n := len(baseManifest.Layers)
		for i, want := range baseManifest.Layers {
			if got := manifest.Layers[i]; got.Digest != want.Digest || got.Size != want.Size || got.MediaType != want.MediaType {
				t.Errorf("layer %d is %s %d, the base's is %s %d", i, got.Digest, got.Size, want.Digest, want.Size)
			}
		}
		if len(manifest.Layers) == n {
			t.Error("the image adds no layer")
		}
	})
	t.Run("labels and annotations", func(t *testing.T) {
		for key, want := range map[string]string{
			"containers.bootc":                 "1",
			"org.opencontainers.image.title":   "Acme edge OS",
			"org.opencontainers.image.version": "1.4.0",
			"org.opencontainers.image.source":  "https://git.example.com/acme/edge-os",
		} {
			if got := config.Config.Labels[key]; got != want {
				t.Errorf("label %s is %q, want %q", key, got, want)
			}
		}
		for key, want := range map[string]string{
			"org.opencontainers.image.version":   "1.4.0",
			"org.opencontainers.image.base.name": from,
			"org.opencontainers.image.created":   baseConfig.Created.UTC().Format("2006-01-02T15:04:05Z"),
		} {
			if got := manifest.Annotations[key]; got != want {
				t.Errorf("annotation %s is %q, want %q", key, got, want)
			}
		}
	})
	t.Run("secrets", func(t *testing.T) {
		body := strings.Split(string(private), "\n")[1]
		found, err := testkit.FindCanaries(layout, map[string][]byte{"login": []byte(login), "passphrase": []byte(passphrase), "key": []byte(body)})
		if err != nil || len(found) > 0 {
			t.Errorf("%v: %+v", err, found)
		}
	})
	t.Run("files", func(t *testing.T) { checkFiles(t, layout, len(baseManifest.Layers), from) })

	root := filepath.Join(dir, "root")
	if err := testkit.UnpackImage(layout, root); err != nil {
		t.Fatal(err)
	}
	t.Run("ostree import", func(t *testing.T) {
		merged := filepath.Join(dir, "merged.tar")
		if err := testkit.MergedTar(t.Context(), layout, merged); err != nil {
			t.Fatal(err)
		}
		if _, err := testkit.OstreeCommit(t.Context(), merged); err != nil {
			t.Error(err)
		}
	})
	t.Run("boot", func(t *testing.T) { checkBoot(t, root) })
}

// checkFiles compares what our layers hold with what the Spec says: each of its entries is there as it says, and what
// else is there comes from the package transaction or from update-ca-certificates.
func checkFiles(t *testing.T, layout string, baseLayers int, from string) {
	plan, err := edgeos.Spec(from).Compile(bootc.Base{Ref: from, Family: bootc.Debian, Tool: bootc.APT})
	if err != nil {
		t.Fatal(err)
	}
	layers, err := testkit.LayerEntries(layout)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]testkit.Entry{}
	for _, layer := range layers[baseLayers:] {
		for _, e := range layer {
			have[e.Path] = e
		}
	}
	for _, archive := range plan.Archives {
		for _, want := range archive.Entries {
			path := strings.TrimPrefix(want.Path, "/")
			got, ok := have[path]
			size, err := want.Content.Size()
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case !ok:
				t.Errorf("%s is missing", want.Path)
			case got.UID != want.UID || got.GID != want.GID:
				t.Errorf("%s belongs to %d:%d, want %d:%d", want.Path, got.UID, got.GID, want.UID, want.GID)
			case got.Link != want.Link:
				t.Errorf("%s links to %q, want %q", want.Path, got.Link, want.Link)
			case want.Mode.IsRegular() && (fs.FileMode(got.Mode) != want.Mode.Perm() || got.Size != size):
				t.Errorf("%s is %#o with %d bytes, want %#o with %d", want.Path, got.Mode, got.Size, want.Mode.Perm(), size)
			}
			delete(have, path)
		}
	}
	for path, e := range have {
		if e.Type != tar.TypeDir && !slices.ContainsFunc(fromPackages, func(p string) bool { return strings.HasPrefix(path, p) }) {
			t.Errorf("%s is in a layer of ours, and nobody asked for it", path)
		}
	}
}

// fromPackages are the places that installing tmux and refreshing the trust store write to: the package's files, the
// databases of dpkg, apt and debconf, and what their triggers keep.
var fromPackages = []string{
	"usr/bin/tmux", "usr/lib/tmpfiles.d/tmux.conf", "usr/lib/x86_64-linux-gnu/", "usr/share/",
	"var/lib/dpkg/", "var/lib/apt/", "var/cache/apt/archives/.wh.lock", "var/cache/debconf/",
	"etc/shells", "var/lib/shells.state", "etc/ld.so.cache",
	"etc/ca-certificates.conf", "etc/ssl/certs/",
	"etc/containers/", "etc/pki/containers/", // the trust that the program adds
}

// checkBoot boots the image's own kernel and initramfs with the kernel arguments that the image carries.
func checkBoot(t *testing.T, root string) {
	out, serial, err := testkit.VM{Root: root}.Run(t.Context(), `
cat /proc/cmdline
systemctl is-active edge-hello.service
systemctl is-enabled edge-hello.service
journalctl -b -u edge-hello.service -o cat
cat /proc/sys/net/ipv4/ip_forward
getent passwd ops
cat /usr/share/bootloom/authorized_keys/ops
tmux -V
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"edge.site=factory-7", "\nactive\nenabled\n", "edge-hello: up on ", "\n1\n", "ops:", "ssh-ed25519 ", "tmux "} {
		if !strings.Contains(out, want) {
			t.Errorf("the booted image does not say %q:\n%s", want, out)
		}
	}
	if !strings.Contains(serial, "login:") {
		t.Error("no login prompt on the serial console")
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
