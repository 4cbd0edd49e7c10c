package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// A CA is a certificate authority of one test.
type CA struct {
	PEM  []byte // its certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes a CA that is valid from an hour ago for ten years; what it issues is for a day.
func NewCA() (*CA, error) {
	ca := &CA{}
	var err error
	if ca.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	template := caTemplate("bootloom test CA")
	der, err := x509.CreateCertificate(rand.Reader, template, template, ca.key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	ca.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	ca.cert, err = x509.ParseCertificate(der)
	return ca, err
}

// Intermediate makes a CA that ca vouches for.
func (ca *CA) Intermediate(name string) (*CA, error) {
	sub := &CA{}
	var err error
	if sub.PEM, sub.key, err = ca.sign(caTemplate(name)); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(sub.PEM)
	sub.cert, err = x509.ParseCertificate(block.Bytes)
	return sub, err
}

// Key returns the CA's private key as PEM.
func (ca *CA) Key() ([]byte, error) { return keyPEM(ca.key) }

// Server issues a certificate for this machine's loopback addresses and for 10.0.2.2, which is the same machine seen
// from a [VM], with the names localhost and host.test. Both results are PEM.
func (ca *CA) Server() (cert, key []byte, err error) {
	t := certTemplate("localhost")
	t.DNSNames = []string{"localhost", "host.test"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4(10, 0, 2, 2)}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return ca.issue(t)
}

// Client issues a client certificate. Both results are PEM.
func (ca *CA) Client(name string) (cert, key []byte, err error) {
	t := certTemplate(name)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return ca.issue(t)
}

func (ca *CA) issue(template *x509.Certificate) (cert, key []byte, err error) {
	cert, k, err := ca.sign(template)
	if err != nil {
		return nil, nil, err
	}
	key, err = keyPEM(k)
	return cert, key, err
}

// sign makes a key and a certificate for it.
func (ca *CA) sign(template *x509.Certificate) (cert []byte, key *ecdsa.PrivateKey, err error) {
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key, err
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), err
}

func (ca *CA) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.cert)
	return p
}

func caTemplate(name string) *x509.Certificate {
	t := certTemplate(name)
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	t.NotAfter = time.Now().AddDate(10, 0, 0)
	return t
}

func certTemplate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // crypto/rand does not fail
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}
