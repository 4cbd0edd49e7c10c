package sign_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sigstore/sigstore/pkg/signature"
	"go.podman.io/image/v5/signature/sigstore"

	"github.com/bootloom/bootloom/sign"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestLoadKey(t *testing.T) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	wide := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	pkcs8 := block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
	sec1 := block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(key)))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}}
	theirs := must(sigstore.GenerateKeyPair([]byte("open sesame"))).PrivateKey // skopeo generate-sigstore-key
	inside, _ := pem.Decode(theirs)

	for _, test := range []struct {
		name       string
		data       []byte
		passphrase string
		is         error
		says       string
	}{
		{name: "plain PKCS#8", data: pkcs8},
		{name: "plain SEC 1", data: sec1},
		{name: "openssl ecparam -genkey", data: append(block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}), sec1...)},
		{name: "skopeo's", data: theirs, passphrase: "open sesame"},
		{name: "newer PEM type", data: block("ENCRYPTED SIGSTORE PRIVATE KEY", inside.Bytes), passphrase: "open sesame"},
		{name: "wrong passphrase", data: theirs, passphrase: "sesame", is: sign.ErrPassphrase, says: "does not open"},
		{name: "no passphrase", data: theirs, is: sign.ErrPassphrase, says: "no passphrase was given"},
		{name: "empty", is: sign.ErrKey, says: "it is empty"},
		{name: "not PEM", data: []byte("hello"), is: sign.ErrKey, says: "not PEM"},
		{name: "truncated", data: pkcs8[:len(pkcs8)-30], is: sign.ErrKey, says: "truncated"},
		{name: "damaged inside", data: block("PRIVATE KEY", []byte("x")), is: sign.ErrKey, says: "damaged"},
		{name: "damaged envelope", data: block("ENCRYPTED COSIGN PRIVATE KEY", []byte("{}")), passphrase: "x", is: sign.ErrKey, says: "damaged"},
		{name: "two keys", data: append(bytes.Clone(pkcs8), sec1...), is: sign.ErrKey, says: "more than one PEM block: PRIVATE KEY, then EC PRIVATE KEY"},
		{name: "public", data: []byte(must(sign.FromCrypto(key)).Public()), is: sign.ErrKey, says: "this is a public key"},
		{name: "certificate", data: block("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))), is: sign.ErrKey, says: "this is a certificate"},
		{name: "RSA PKCS#8", data: block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rsaKey))), is: sign.ErrKey, says: "this is RSA 2048; only ECDSA P-256"},
		{name: "RSA PKCS#1", data: block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), is: sign.ErrKey, says: "this is RSA"},
		{name: "Ed25519", data: block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ed))), is: sign.ErrKey, says: "this is Ed25519"},
		{name: "P-384", data: block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(wide))), is: sign.ErrKey, says: "this is ECDSA P-384"},
		{name: "encrypted PKCS#8", data: block("ENCRYPTED PRIVATE KEY", []byte("x")), is: sign.ErrKey, says: "cosign import-key-pair"},
		{name: "encrypted by old openssl", data: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("x")}), is: sign.ErrKey, says: "old openssl"},
		{name: "OpenSSH", data: block("OPENSSH PRIVATE KEY", []byte("x")), is: sign.ErrKey, says: `PEM of type "OPENSSH PRIVATE KEY"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, err := sign.LoadKey(test.data, []byte(test.passphrase))
			if test.is == nil {
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(k.Public(), "-----BEGIN PUBLIC KEY-----\n") {
					t.Errorf("public key %q", k.Public())
				}
				return
			}
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want a %v that says %q", err, test.is, test.says)
			}
		})
	}
}

func TestEncryptedPEMOpensInContainersImage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, must(must(sign.Generate()).EncryptedPEM([]byte("pw"))), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := sigstore.NewSigner(sigstore.WithPrivateKeyFile(file, []byte("pw")))
	if err != nil {
		t.Fatal(err)
	}
	signer.Close()
}

func TestEncryptedPEMRefuses(t *testing.T) {
	if _, err := must(sign.Generate()).EncryptedPEM(nil); !errors.Is(err, sign.ErrPassphrase) {
		t.Errorf("empty passphrase: %v", err)
	}
	elsewhere := must(sign.FromCrypto(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	if _, err := elsewhere.EncryptedPEM([]byte("pw")); !errors.Is(err, sign.ErrKey) {
		t.Errorf("private half elsewhere: %v", err)
	}
}

func TestFromRefusesOtherSchemes(t *testing.T) {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	if _, err := sign.FromCrypto(rsaKey); !errors.Is(err, sign.ErrKey) {
		t.Errorf("RSA crypto.Signer: %v", err)
	}
	if _, err := sign.FromSigstore(t.Context(), must(signature.LoadRSAPSSSigner(rsaKey, crypto.SHA256, nil))); !errors.Is(err, sign.ErrKey) {
		t.Errorf("RSA sigstore signer: %v", err)
	}
}

// Nothing that prints, logs or marshals a Key may show its private half, whichever way it is held.
func TestKeyNeverPrints(t *testing.T) {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	key := must(sign.LoadKey(block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(private))), nil))
	d := must(private.Bytes())
	secrets := []string{fmt.Sprintf("%x", d), fmt.Sprintf("%X", d), new(big.Int).SetBytes(d).String(), string(d), fmt.Sprint(d)}
	type holder struct {
		Key   *sign.Key
		Value sign.Key
		inner *sign.Key
		keys  sign.Keys
	}
	h := holder{key, *key, key, sign.Keys{key}}
	var out bytes.Buffer
	for _, v := range []any{key, *key, h, &h, sign.Keys{key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("key", "key", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "key", v)
	}
	json.NewEncoder(&out).Encode(map[string]any{"key": key, "keys": sign.Keys{key}, "value": *key})
	for _, s := range secrets {
		if strings.Contains(out.String(), s) {
			t.Errorf("the private key shows")
		}
	}
	if !strings.Contains(out.String(), "sign.Key[redacted]") {
		t.Errorf("no sign.Key[redacted] in the output")
	}
}

// badSigner is a KMS whose signatures nobody can verify.
type badSigner struct{ signature.Signer }

func (badSigner) SignMessage(io.Reader, ...signature.SignOption) ([]byte, error) {
	return []byte("not ASN.1"), nil
}

func newBadSigner() *sign.Key {
	good := must(signature.LoadECDSASigner(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), crypto.SHA256))
	return must(sign.FromSigstore(context.Background(), badSigner{good}))
}
