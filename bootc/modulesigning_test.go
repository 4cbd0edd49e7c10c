package bootc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// TestModuleSigningKey wants the key that belongs to the certificate, before anything is built.
func TestModuleSigningKey(t *testing.T) {
	key := func() (*ecdsa.PrivateKey, []byte) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return k, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	own, ownPEM := key()
	_, otherPEM := key()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, own.Public(), own)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := bootc.From("quay.io/a/b:1").With(
		bootc.KernelModule{Name: "acme", Content: bootc.Bytes(acme)},
		bootc.ModuleSigning{Key: "key", Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))},
	).Compile(bootc.Base{Family: bootc.Fedora, Tool: bootc.DNF4})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		value []byte
		want  string
	}{
		"its own":   {ownPEM, ""},
		"another":   {otherPEM, "is not the key of the certificate"},
		"none":      {[]byte("secret text"), "is no private key in PEM"},
		"encrypted": {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), "is encrypted, and ModuleSigning has no Passphrase"},
	} {
		err := plan.CheckSecrets(map[string][]byte{"key": c.value})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "Features[1].ModuleSigning") || strings.Contains(err.Error(), string(c.value))):
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}

	packed := compressed(t, acme)[".ko.xz"]
	_, err = bootc.From("quay.io/a/b:1").With(bootc.KernelModule{Name: "acme", Content: bootc.Bytes(packed)}, bootc.ModuleSigning{Key: "key", Certificate: signingCertificate}).
		Compile(bootc.Base{Family: bootc.Fedora, Tool: bootc.DNF4})
	if err == nil || !strings.Contains(err.Error(), "Features[0].KernelModule.Content: is compressed, and is to be signed") {
		t.Error(err)
	}
}
