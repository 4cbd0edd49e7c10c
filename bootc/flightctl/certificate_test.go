package flightctl_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
)

// pki is what an enrollment service hands out.
type pki struct {
	ca   flightctl.PEM
	cert flightctl.PEM
	key  flightctl.PrivateKey

	caCert *x509.Certificate
	caKey  *ecdsa.PrivateKey
}

// newPKI makes a CA and a client certificate, valid from an hour ago for a year.
func newPKI(t *testing.T) *pki {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &pki{caKey: key}
	p.caCert = template("flightctl-client-signer-ca", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	der, err := x509.CreateCertificate(rand.Reader, p.caCert, p.caCert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if p.caCert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	p.ca = certificatePEM(der)
	p.cert, p.key = p.issue(t, nil)
	return p
}

func template(name string, change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	if change != nil {
		change(c)
	}
	return c
}

// issue makes a client certificate.
func (p *pki) issue(t *testing.T, change func(*x509.Certificate)) (flightctl.PEM, flightctl.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := template("client-enrollment-1", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	if change != nil {
		change(client)
	}
	der, err := x509.CreateCertificate(rand.Reader, client, p.caCert, key.Public(), p.caKey)
	if err != nil {
		t.Fatal(err)
	}
	return certificatePEM(der), keyPEM(t, key)
}

func certificatePEM(der []byte) flightctl.PEM {
	return flightctl.PEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func keyPEM(t *testing.T, key any) flightctl.PrivateKey {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return flightctl.KeyFromPEM(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (p *pki) config() flightctl.Config {
	return flightctl.Config{EnrollmentService: flightctl.EnrollmentService{
		Service:        flightctl.Endpoint{Server: "https://agent-api.example.com:7443", CertificateAuthorityData: p.ca},
		Authentication: flightctl.Authentication{ClientCertificateData: p.cert, ClientKeyData: p.key},
	}}
}

func TestCertificates(t *testing.T) {
	p, other := newPKI(t), newPKI(t)
	server, serverKey := p.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	plain, plainKey := p.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = nil })
	week, weekKey := p.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, 7) })
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec, _ := pem.Decode(p.key.Reveal())
	parsed, err := x509.ParsePKCS8PrivateKey(ec.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(parsed.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	key := func(kind string, der []byte) flightctl.PrivateKey {
		return flightctl.KeyFromPEM(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	const (
		caPath   = "enrollment-service.service.certificate-authority-data"
		certPath = "enrollment-service.authentication.client-certificate-data"
		keyPath  = "enrollment-service.authentication.client-key-data"
	)
	for _, c := range []struct {
		name   string
		change func(e *flightctl.Endpoint, a *flightctl.Authentication)
		check  flightctl.Check
		want   string // path and a part of the text, "" for none
		is     error
	}{
		{name: "right"},
		{name: "right, for now", check: flightctl.Check{Now: time.Now(), ValidFor: 300 * 24 * time.Hour}},
		{name: "for any use", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientCertificateData, a.ClientKeyData = plain, plainKey
		}},
		{name: "chain", change: func(e *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientCertificateData += p.ca
			e.CertificateAuthorityData = other.ca + p.ca
		}},
		{name: "CA of the server only", change: func(e *flightctl.Endpoint, _ *flightctl.Authentication) {
			e.CertificateAuthorityData = flightctl.PEM(strings.TrimSpace(string(otherName(t))))
		}},
		{name: "text around", change: func(e *flightctl.Endpoint, _ *flightctl.Authentication) {
			e.CertificateAuthorityData = "our CA\n" + p.ca + "\nthat was it\n"
		}},
		{name: "key as openssl writes it", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientKeyData = key("EC PRIVATE KEY", sec1)
		}},
		{name: "CA cut off", change: func(e *flightctl.Endpoint, _ *flightctl.Authentication) { e.CertificateAuthorityData = p.ca[:300] },
			want: caPath + ": has a PEM block that does not end"},
		{name: "CA and a key", change: func(e *flightctl.Endpoint, _ *flightctl.Authentication) {
			e.CertificateAuthorityData += flightctl.PEM(p.key.Reveal())
		}, want: caPath + ": block 2 is a PRIVATE KEY, not a CERTIFICATE"},
		{name: "no PEM", change: func(e *flightctl.Endpoint, _ *flightctl.Authentication) { e.CertificateAuthorityData = "x" },
			want: caPath + ": has no -----BEGIN CERTIFICATE-----"},
		{name: "key of another", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) { a.ClientKeyData = other.key },
			want: keyPath + ": is not the key of the certificate CN=client-enrollment-1"},
		{name: "key of another kind", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) { a.ClientKeyData = keyPEM(t, rsaKey) },
			want: keyPath + ": is not the key of the certificate CN=client-enrollment-1"},
		{name: "certificate for key", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientKeyData = flightctl.KeyFromPEM([]byte(p.cert))
		}, want: keyPath + ": is a CERTIFICATE, not a PRIVATE KEY"},
		{name: "key for certificate", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientCertificateData = flightctl.PEM(p.key.Reveal())
		}, want: certPath + ": block 1 is a PRIVATE KEY, not a CERTIFICATE"},
		{name: "encrypted key", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientKeyData = key("ENCRYPTED PRIVATE KEY", ec.Bytes)
		}, want: keyPath + ": is encrypted"},
		{name: "key that is none", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientKeyData = key("PRIVATE KEY", []byte("x"))
		}, want: keyPath + ": is no private key of a kind that TLS can use"},
		{name: "key that is none, certificate in a file", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientKeyData, a.ClientCertificateData, a.ClientCertificate = key("PRIVATE KEY", []byte("x")), "", "/etc/a.crt"
		}, want: keyPath + ": is no private key of a kind that TLS can use"},
		{name: "key that is no PEM", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientKeyData = flightctl.KeyFromPEM([]byte("canary"))
		}, want: keyPath + ": is not PEM text"},
		{name: "key for its path", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientKey, a.ClientKeyData = "-----BEGIN PRIVATE KEY-----\ncanary", flightctl.PrivateKey{}
		}, want: "enrollment-service.authentication.client-key: is no path, but what belongs into client-key-data"},
		{name: "key in base64 for its path", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientKey, a.ClientKeyData = base64.StdEncoding.EncodeToString([]byte("-----BEGIN PRIVATE KEY-----\ncanary")), flightctl.PrivateKey{}
		}, want: "enrollment-service.authentication.client-key: is no path, but what belongs into client-key-data"},
		{name: "certificate of a server", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientCertificateData, a.ClientKeyData = server, serverKey
		}, want: certPath + ": CN=client-enrollment-1 is not for clients"},
		{name: "certificate of the CA", change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
			a.ClientCertificateData, a.ClientKeyData = p.ca, keyPEM(t, p.caKey)
		}, want: certPath + ": CN=flightctl-client-signer-ca is a CA, not a client"},
		{name: "of another installation", change: func(e *flightctl.Endpoint, _ *flightctl.Authentication) { e.CertificateAuthorityData = other.ca },
			want: certPath + ": CN=client-enrollment-1 was not issued by CN=flightctl-client-signer-ca of certificate-authority-data"},
		{name: "expired", check: flightctl.Check{Now: time.Now().AddDate(2, 0, 0)}, want: certPath + ": CN=client-enrollment-1: has expired: on ", is: flightctl.ErrExpired},
		{name: "not yet", check: flightctl.Check{Now: time.Now().AddDate(-2, 0, 0)}}, // as of an older base
		{name: "soon", check: flightctl.Check{Now: time.Now(), ValidFor: 30 * 24 * time.Hour},
			change: func(_ *flightctl.Endpoint, a *flightctl.Authentication) {
				a.ClientCertificateData, a.ClientKeyData = week, weekKey
			},
			want: certPath + ": CN=client-enrollment-1: expires soon: on ", is: flightctl.ErrExpiresSoon},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := p.config()
			if c.change != nil {
				c.change(&config.EnrollmentService.Service, &config.EnrollmentService.Authentication)
			}
			err := config.Validate(c.check)
			if c.want == "" && err == nil {
				return
			}
			if c.want == "" || err == nil || !strings.Contains("\n"+err.Error(), "\n"+c.want) {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
			for _, e := range bootc.FieldErrors(err) {
				if !strings.HasPrefix(e.Path, "enrollment-service.") {
					t.Errorf("%v is somewhere else", e)
				}
			}
			if text := fmt.Sprint(err); strings.Contains(text, "canary") || strings.Contains(text, "LS0tLS1CRUdJTi") {
				t.Error("shows the key")
			}
		})
	}
}

// otherName is a CA with another name.
func otherName(t *testing.T) flightctl.PEM {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := template("flightctl-ca", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return certificatePEM(der)
}
