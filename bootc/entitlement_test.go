package bootc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// entitlementPair is a certificate that is valid until then, and its key.
func entitlementPair(t *testing.T, until time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
}

func TestFindEntitlement(t *testing.T) {
	now := time.Now()
	cert, key := entitlementPair(t, now.Add(time.Hour))
	newer, newerKey := entitlementPair(t, now.Add(2*time.Hour))
	old, oldKey := entitlementPair(t, now.Add(-time.Hour))
	const repo = "[a]\nbaseurl=https://cdn.example/a\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  bootc.Entitlement
		cert  string // the value of entitlement-cert
		err   string
	}{
		"a host": {map[string]string{"etc/pki/entitlement/1.pem": cert, "etc/pki/entitlement/1-key.pem": key, "etc/pki/entitlement/2.pem": newer,
			"etc/pki/entitlement/2-key.pem": newerKey, "etc/pki/entitlement/3.pem": old, "etc/pki/entitlement/3-key.pem": oldKey,
			"etc/rhsm/ca/redhat-uep.pem": cert, "etc/yum.repos.d/redhat.repo": repo},
			bootc.Entitlement{CA: "entitlement-ca", RepoFile: "entitlement-repos"}, newer, ""},
		"a Kubernetes Secret": {map[string]string{"entitlement.pem": cert, "entitlement-key.pem": key, "redhat-uep.pem": newer},
			bootc.Entitlement{CA: "entitlement-ca"}, cert, ""},
		"expired": {map[string]string{"entitlement.pem": old, "entitlement-key.pem": oldKey}, bootc.Entitlement{}, "", "entitlement.pem expired on "},
		"no key":  {map[string]string{"etc/pki/entitlement/1.pem": cert}, bootc.Entitlement{}, "", "no entitlement: NAME.pem and NAME-key.pem in "},
		"garbage": {map[string]string{"x.pem": "canary", "x-key.pem": "canary"}, bootc.Entitlement{}, "", "x.pem is not PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, text := range c.files {
				write(t, filepath.Join(root, file), text)
			}
			got, secrets, err := bootc.FindEntitlement(root)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "canary") {
					t.Errorf("got %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v, want %+v", got, err, c.want)
			}
			base := bootc.Base{Ref: "quay.io/a/b:1", Tool: bootc.DNF4}
			plan, err := bootc.From(base.Ref).With(got).Install("tmux").Compile(base)
			if err != nil {
				t.Fatal(err)
			}
			values := map[string][]byte{}
			for _, id := range plan.Secrets {
				if values[id], err = secrets[id].Resolve(); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
			if err := plan.CheckSecrets(values); err != nil || string(values["entitlement-cert"]) != c.cert || len(values) != len(secrets) {
				t.Errorf("%v, %d values of %d", err, len(values), len(secrets))
			}
			values["entitlement-key"] = []byte("canary")
			if err := plan.CheckSecrets(values); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("a key that is none: %v", err)
			}
		})
	}
}

// The package step sees the subscription of the host that builds; the image does not have it.
func ExampleFindEntitlement() {
	entitlement, secrets, err := bootc.FindEntitlement("/nothing")
	fmt.Println(entitlement == bootc.Entitlement{}, len(secrets), err)
	// Output:
	// true 0 no entitlement: NAME.pem and NAME-key.pem in /nothing/etc/pki/entitlement or /nothing; "subscription-manager register" on a RHEL host makes them
}

func ExampleEntitlement() {
	base := bootc.Base{Ref: "registry.redhat.io/rhel10/rhel-bootc:10.1", Tool: bootc.DNF4}
	plan, err := bootc.From(base.Ref).
		With(bootc.Entitlement{RepoFile: "entitlement-repos"}, bootc.Repo{ID: "rhel-10-for-x86_64-appstream-rpms", Existing: true}).
		Install("tmux").
		Compile(base)
	fmt.Println(plan.Secrets, err)
	options := bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{
		"entitlement-cert":  bootc.SecretFile("/etc/pki/entitlement/4711.pem"),
		"entitlement-key":   bootc.SecretFile("/etc/pki/entitlement/4711-key.pem"),
		"entitlement-repos": bootc.SecretFile("/etc/yum.repos.d/redhat.repo"),
	}}
	_ = options // for Engine.Build
	// Output:
	// [entitlement-cert entitlement-key entitlement-repos] <nil>
}
