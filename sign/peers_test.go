//go:build containers_image_openpgp || bootloom_system_gpgme

package sign_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/sign"
)

// The same table through programs that are not ours, with the very files that the image gets.
func TestTamperPeers(t *testing.T) {
	v := testkit.NewVerifiers(t)
	f := fixture{testkit.NewDockerRegistry(t, testkit.RegistryOptions{TLS: true, Username: "u", Password: "secret"}), t}
	policy, cases := tamperedImages(t, f)
	dir := t.TempDir()
	image := fstest.MapFS{"etc/containers/certs.d/" + f.Host + "/ca.crt": {Data: f.CA, Mode: 0o644}}
	for _, e := range must(policy.Files(fstest.MapFS{})) {
		image[e.Path[1:]] = &fstest.MapFile{Data: must(e.Content.ReadAll()), Mode: e.Mode}
	}
	if err := os.CopyFS(dir, image); err != nil {
		t.Fatal(err)
	}
	for name := range image {
		v = v.With("/"+filepath.Dir(name), filepath.Join(dir, filepath.Dir(name)))
	}
	v.Env = []string{"HOME=/root", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "SSL_CERT_FILE=/etc/containers/certs.d/" + f.Host + "/ca.crt"}

	cosign := func(t *testing.T, ref string) error {
		var errs []error // one key at a time: cosign has no notion of two
		for _, key := range []string{"acme.pub", "acme-2.pub"} {
			_, _, err := v.Cosign(t.Context(), "verify", "--key", "/etc/pki/containers/"+key, "--insecure-ignore-tlog=true", "--private-infrastructure",
				"--registry-username", f.Username, "--registry-password", f.Password, ref)
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, skopeo := v.Skopeo(t.Context(), "copy", "-q", "--remove-signatures", "--src-creds", f.Username+":"+f.Password, "docker://"+c.ref, "dir:/tmp/out")
			_, _, podman := v.Podman(t.Context(), "pull", "-q", "--creds", f.Username+":"+f.Password, c.ref)
			for name, err := range map[string]error{"skopeo": skopeo, "podman": podman} {
				if c.want == nil && err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if c.want != nil && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("%s: error %v, want one that says %q", name, err, c.says)
				}
			}
			err := cosign(t, c.ref)
			if accepts := c.want == nil || c.cosign; accepts != (err == nil) {
				t.Errorf("cosign: error %v, want it to accept: %v", err, accepts)
			}
		})
	}
}

// Keys and signatures go both ways between us and skopeo, podman and cosign.
func TestPeersKeysAndSignatures(t *testing.T) {
	v := testkit.NewVerifiers(t)
	f := fixture{testkit.NewDockerRegistry(t, testkit.RegistryOptions{}), t}
	client, dir := f.registryClient(), t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ok := func(stdout, stderr string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write("passphrase", []byte("pw"))
	write("policy.json", []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`))
	write("registries.yaml", []byte("default-docker:\n  use-sigstore-attachments: true\n"))
	v = v.With("/keys", dir, "/etc/containers/policy.json", filepath.Join(dir, "policy.json"), "/etc/containers/registries.d/all.yaml", filepath.Join(dir, "registries.yaml"))
	v.Env = []string{"HOME=/root", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "COSIGN_PASSWORD=pw"}

	ours := must(sign.Generate())
	write("ours.key", must(ours.EncryptedPEM([]byte("pw"))))
	write("ours.pub", []byte(ours.Public()))
	ok(v.Cosign(t.Context(), "generate-key-pair", "--output-key-prefix", "/keys/cosign"))
	ok(v.Skopeo(t.Context(), "generate-sigstore-key", "--passphrase-file", "/keys/passphrase", "--output-prefix", "/keys/skopeo"))
	verify := []string{"verify", "--insecure-ignore-tlog=true", "--private-infrastructure", "--allow-http-registry"}

	for _, name := range []string{"cosign.key", "skopeo.private"} {
		t.Run("we sign with "+name, func(t *testing.T) {
			key, err := sign.LoadKey(must(os.ReadFile(filepath.Join(dir, name))), []byte("pw"))
			if err != nil {
				t.Fatal(err)
			}
			public := strings.TrimSuffix(name, filepath.Ext(name)) + ".pub"
			if want := string(must(os.ReadFile(filepath.Join(dir, public)))); key.Public() != want {
				t.Errorf("public key %s, want %s", key.Public(), want)
			}
			p := f.published("acme/"+public, f.image("acme/"+public, "1", name))
			if err := key.Sign(t.Context(), client, p, nil); err != nil {
				t.Fatal(err)
			}
			ok(v.Cosign(t.Context(), append(verify, "--key", "/keys/"+public, p.Reference())...))
		})
	}
	t.Run("cosign signs with our key", func(t *testing.T) {
		p := f.published("acme/bycosign", f.image("acme/bycosign", "1", "bycosign"))
		ok(v.Cosign(t.Context(), "sign", "--yes", "--tlog-upload=false", "--allow-http-registry", "--key", "/keys/ours.key", p.Reference()))
		if err := ours.Verify(t.Context(), client, p, nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("skopeo signs with our key", func(t *testing.T) {
		f.image("acme/unsigned", "1", "byskopeo")
		ok(v.Skopeo(t.Context(), "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", "--sign-by-sigstore-private-key", "/keys/ours.key",
			"--sign-passphrase-file", "/keys/passphrase", "docker://"+f.Host+"/acme/unsigned:1", "docker://"+f.Host+"/acme/byskopeo:1"))
		m, err := client.GetManifest(t.Context(), f.Host+"/acme/byskopeo:1")
		if err != nil {
			t.Fatal(err)
		}
		p := f.published("acme/byskopeo", imgspec.Descriptor{Digest: m.Digest})
		if err := ours.Verify(t.Context(), client, p, []string{f.Host + "/acme/byskopeo:1"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("podman signs with our key", func(t *testing.T) {
		f.image("acme/forpodman", "1", "bypodman")
		script := fmt.Sprintf("P='podman --storage-driver=vfs --cgroup-manager=cgroupfs --events-backend=none'; $P pull -q --tls-verify=false %[1]s/acme/forpodman:1 && "+
			"$P push -q --tls-verify=false --sign-by-sigstore-private-key /keys/ours.key --sign-passphrase-file /keys/passphrase %[1]s/acme/forpodman:1 %[1]s/acme/bypodman:1", f.Host)
		ok(v.Run(t.Context(), "sh", "-c", script))
		m, err := client.GetManifest(t.Context(), f.Host+"/acme/bypodman:1")
		if err != nil {
			t.Fatal(err)
		}
		if err := ours.Verify(t.Context(), client, f.published("acme/bypodman", imgspec.Descriptor{Digest: m.Digest}), []string{f.Host + "/acme/bypodman:1"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("cosign signs beside us", func(t *testing.T) {
		p := f.published("acme/both", f.image("acme/both", "1", "both"))
		for range 2 {
			if err := ours.Sign(t.Context(), client, p, []string{p.Repository + ":1"}); err != nil {
				t.Fatal(err)
			}
			ok(v.Cosign(t.Context(), "sign", "--yes", "--tlog-upload=false", "--allow-http-registry", "--key", "/keys/cosign.key", p.Reference()))
		}
		ok(v.Cosign(t.Context(), append(verify, "--key", "/keys/cosign.pub", p.Reference())...))
		ok(v.Cosign(t.Context(), append(verify, "--key", "/keys/ours.pub", p.Reference())...))
		if err := ours.Verify(t.Context(), client, p, []string{p.Repository + ":1"}); err != nil {
			t.Error(err)
		}
	})
}

// A device whose registries.conf sends it to a mirror looks for signatures there, and so must be told to.
func TestPeersMirror(t *testing.T) {
	v := testkit.NewVerifiers(t)
	f := fixture{testkit.NewDockerRegistry(t, testkit.RegistryOptions{}), t}
	dir, key := t.TempDir(), must(sign.Generate())
	write := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, b, 0o600)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	v = v.With("/keys", dir)
	write("key", must(key.EncryptedPEM([]byte("pw"))))
	write("pw", []byte("pw"))
	f.image("acme/os", "unsigned", "os")
	all := v.With("/etc/containers/registries.d/all.yaml", write("all.yaml", []byte("default-docker: {use-sigstore-attachments: true}\n")))
	if _, _, err := all.Skopeo(t.Context(), "--insecure-policy", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false",
		"--sign-by-sigstore-private-key", "/keys/key", "--sign-passphrase-file", "/keys/pw", "--sign-identity", "quay.example/acme/os:1",
		"docker://"+f.Host+"/acme/os:unsigned", "docker://"+f.Host+"/mirror/os:1"); err != nil {
		t.Fatal(err)
	}
	conf := write("registries.conf", fmt.Appendf(nil, "[[registry]]\nlocation = %q\n[[registry.mirror]]\nlocation = %q\ninsecure = true\n", "quay.example/acme", f.Host+"/mirror"))
	for _, test := range []struct {
		name    string
		mirrors []string
		says    string
	}{
		{"known", []string{f.Host + "/mirror"}, ""},
		{"unknown", nil, "A signature was required, but no signature exists"},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy := sign.DevicePolicy{Rules: []sign.Rule{{Name: "acme", Scopes: []string{"quay.example/acme"}, Mirrors: test.mirrors, Keys: []string{key.Public()}}}, RejectByDefault: true}
			device := v.With("/etc/containers/registries.conf", conf)
			for _, e := range must(policy.Files(fstest.MapFS{})) {
				device = device.With(e.Path, write(test.name+e.Path, must(e.Content.ReadAll())))
			}
			_, _, err := device.Skopeo(t.Context(), "copy", "-q", "--remove-signatures", "docker://quay.example/acme/os:1", "dir:/tmp/out")
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error %v, want one that says %q", err, test.says)
			}
		})
	}
}
