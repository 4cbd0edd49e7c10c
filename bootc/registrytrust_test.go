package bootc_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestRegistryTrustKey: the secret must be the key of the certificate, and nothing of it is shown.
func TestRegistryTrustKey(t *testing.T) {
	ca, err := testkit.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Client("edge")
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := ca.Client("other")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := bootc.From("quay.io/a/b:1").With(bootc.RegistryTrust{Host: "r.example", ClientCert: string(cert), ClientKey: "key"}).Compile(bootc.Base{})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.CheckSecrets(map[string][]byte{"key": key}); err != nil {
		t.Error(err)
	}
	for name, value := range map[string][]byte{"another key": other, "no key": []byte("canary"), "the certificate": cert} {
		err := plan.CheckSecrets(map[string][]byte{"key": value})
		const want = `Features[0].RegistryTrust: the value of secret "key" is not the private key, in PEM, of ClientCert`
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

// TestRegistriesOracle has skopeo of Debian 13 pull by way of a mirror that trusts only machines with a certificate: what
// RegistryMirror and RegistryTrust write is all that it knows of the mirror.
func TestRegistriesOracle(t *testing.T) {
	v := testkit.NewVerifiers(t)
	mirror := testkit.NewOlareg(t, testkit.RegistryOptions{ClientCert: true})
	upload(t, mirror, "/v2/copies/os/manifests/1", v1.MediaTypeImageIndex, `{"schemaVersion": 2, "mediaType": "`+v1.MediaTypeImageIndex+`", "manifests": []}`)
	s := bootc.Spec{}.With(
		bootc.RegistryMirror{Prefix: "quay.io/acme", Mirrors: []bootc.Mirror{{Location: mirror.Host + "/copies", Pull: "tag-only"}}},
		bootc.RegistryMirror{Prefix: "*.blocked.example", Blocked: true},
		bootc.RegistryTrust{Host: mirror.Host, CA: string(mirror.CA), ClientCert: string(mirror.ClientCert), ClientKey: "key"})
	dir, _ := root(t, s, nil)
	certs := filepath.Join(dir, "etc/containers/certs.d")
	if err := os.WriteFile(filepath.Join(certs, mirror.Host, "bootloom.key"), mirror.ClientKey, 0o600); err != nil { // what the step does
		t.Fatal(err)
	}
	inspect := func(ref string, with ...string) (string, error) {
		out, _, err := v.With(with...).Skopeo(context.WithoutCancel(t.Context()), "inspect", "--raw", "docker://"+ref)
		return out, err
	}
	config := []string{"/etc/containers/registries.conf.d", filepath.Join(dir, "etc/containers/registries.conf.d")}
	if out, err := inspect("quay.io/acme/os:1", append(config, "/etc/containers/certs.d", certs)...); err != nil || !strings.Contains(out, "schemaVersion") {
		t.Errorf("skopeo does not reach the image through the mirror: %v\n%s", err, out)
	}
	if _, err := inspect("quay.io/acme/os:1", config...); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the trust it should not: %v", err)
	}
	if _, err := inspect("r.blocked.example/os:1", config...); err == nil || !strings.Contains(err.Error(), "is blocked") {
		t.Errorf("blocked: %v", err)
	}
}

// upload gives a registry a manifest.
func upload(t *testing.T, r *testkit.Registry, path, mediaType, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.URL()+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := r.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", path, resp.Status)
	}
}
