package flightctl_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc/flightctl"
)

// enrollment is a whole configuration: the same in all of a run.
func enrollment(t testing.TB) flightctl.Config {
	t.Helper()
	c, err := enrolled()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var enrolled = sync.OnceValues(func() (flightctl.Config, error) {
	ca, err := newAuthority()
	if err != nil {
		return flightctl.Config{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return flightctl.Config{}, err
	}
	cert, err := ca.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "client-enrollment-1"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key.Public())
	if err != nil {
		return flightctl.Config{}, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return flightctl.Config{}, err
	}
	var c flightctl.Config
	c.EnrollmentService.Service.Server = "https://agent-api.flightctl.example.com:7443"
	c.EnrollmentService.Service.CertificateAuthorityData = flightctl.PEM(ca.pem)
	c.EnrollmentService.EnrollmentUIEndpoint = "https://ui.flightctl.example.com"
	c.EnrollmentService.Authentication.ClientCertificateData = flightctl.PEM(cert)
	c.EnrollmentService.Authentication.ClientKeyData = flightctl.KeyFromPEM(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	c.DefaultLabels = map[string]string{"site": "factory-7"}
	return c, nil
})

// authority is a certificate authority.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority() (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	tmpl := &x509.Certificate{Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a := authority{cert: tmpl, key: key}
	if a.pem, err = a.sign(tmpl, key.Public()); err != nil {
		return a, err
	}
	block, _ := pem.Decode(a.pem)
	a.cert, err = x509.ParseCertificate(block.Bytes)
	return a, err
}

// sign makes a certificate that is valid for ten years.
func (a authority) sign(tmpl *x509.Certificate, public any) ([]byte, error) {
	tmpl.SerialNumber = big.NewInt(time.Now().UnixNano())
	tmpl.NotBefore, tmpl.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(10, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, public, a.key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

func unbase64(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

func writeFile(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
