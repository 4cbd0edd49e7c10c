package flightctl

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var (
	// ErrExpired is in the error about a certificate that has expired at the time to check for.
	ErrExpired = errors.New("has expired")
	// ErrExpiresSoon is in the error about a certificate that is valid then, but not for as long as wanted.
	ErrExpiresSoon = errors.New("expires soon")
)

// certificates checks the text and the dates of certificates.
func (v *validator) certificates(at string, text PEM) []*x509.Certificate {
	certs, err := parseCertificates(string(text))
	for _, e := range err {
		v.fail(at, "%w", e)
	}
	for _, c := range certs {
		if err := v.date(c); err != nil {
			v.fail(at, "%s: %w", c.Subject, err)
		}
	}
	return certs
}

// date does not care when a certificate begins to be valid: Now may be the time at which the base was made, and clocks differ.
func (v *validator) date(c *x509.Certificate) error {
	end := c.NotAfter.Format(time.RFC3339)
	switch {
	case v.Now.IsZero():
	case v.Now.After(c.NotAfter):
		return fmt.Errorf("%w: on %s", ErrExpired, end)
	case v.Now.Add(v.ValidFor).After(c.NotAfter):
		return fmt.Errorf("%w: on %s", ErrExpiresSoon, end)
	}
	return nil
}

func parseCertificates(text string) (certs []*x509.Certificate, errs []error) {
	rest := []byte(text)
	for n := 1; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			errs = append(errs, fmt.Errorf("block %d is a %s, not a CERTIFICATE", n, block.Type))
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			errs = append(errs, fmt.Errorf("block %d: %w", n, err))
			continue
		}
		certs = append(certs, cert)
	}
	if bytes.Contains(rest, []byte("-----BEGIN")) {
		errs = append(errs, errors.New("has a PEM block that does not end or is not base64"))
	} else if len(certs) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("has no -----BEGIN CERTIFICATE-----"))
	}
	return certs, errs
}

// credentials checks a client certificate and its key.
func (v *validator) credentials(at string, a Authentication, required bool) {
	cert := a.ClientCertificate != "" || a.ClientCertificateData != ""
	key := a.ClientKey != "" || !a.ClientKeyData.IsZero()
	v.oneOf(at, "client-certificate", a.ClientCertificate, a.ClientCertificateData != "")
	v.oneOf(at, "client-key", a.ClientKey, !a.ClientKeyData.IsZero())
	switch {
	case cert && !key:
		v.fail(at, "has a client certificate without its key")
	case key && !cert:
		v.fail(at, "has a client key without its certificate: %w", ErrIgnored)
	case !cert && required:
		v.fail(at, "is missing: the device could not ask to be enrolled; "+
			`"flightctl certificate request --signer=enrollment --output=embedded" makes a file with it`)
	}
	var certs []*x509.Certificate
	if a.ClientCertificateData != "" {
		certs = v.certificates(at+".client-certificate-data", a.ClientCertificateData)
	}
	if len(certs) > 0 {
		v.clientCertificate(at+".client-certificate-data", certs[0])
	}
	if a.ClientKeyData.IsZero() {
		return
	}
	if err := checkKey(a.ClientKeyData.Reveal(), a.ClientCertificateData, certs); err != nil {
		v.fail(at+".client-key-data", "%w", err)
	}
}

func (v *validator) clientCertificate(at string, c *x509.Certificate) {
	switch use := c.ExtKeyUsage; {
	case c.IsCA:
		v.fail(at, "%s is a CA, not a client", c.Subject)
	case len(use) > 0 && !slices.Contains(use, x509.ExtKeyUsageClientAuth) && !slices.Contains(use, x509.ExtKeyUsageAny):
		v.fail(at, "%s is not for clients (its extended key usage lacks clientAuth)", c.Subject)
	}
}

// checkKey never has a part of the key in its error.
func checkKey(key []byte, text PEM, certs []*x509.Certificate) error {
	block, _ := pem.Decode(key)
	switch {
	case block == nil:
		return errors.New("is not PEM text")
	case strings.Contains(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return errors.New("is encrypted, and the agent has no passphrase: write it out without one")
	case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return fmt.Errorf("is a %s, not a PRIVATE KEY", block.Type)
	}
	if len(certs) == 0 { // without one, or with one that is wrong, there is nothing to compare with
		_, pkcs8 := x509.ParsePKCS8PrivateKey(block.Bytes)
		_, ec := x509.ParseECPrivateKey(block.Bytes)
		_, rsa := x509.ParsePKCS1PrivateKey(block.Bytes)
		if pkcs8 != nil && ec != nil && rsa != nil {
			return errors.New("is no private key of a kind that TLS can use")
		}
		return nil
	}
	if _, err := tls.X509KeyPair([]byte(text), key); err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return fmt.Errorf("is not the key of the certificate %s", certs[0].Subject)
		}
		return errors.New("is no private key of a kind that TLS can use")
	}
	return nil
}

// issuer finds a client certificate of another installation: its CA has the name of one that is given, and another key.
// A CA that is not given says nothing, since the agent needs those of the server only.
func (v *validator) issuer(at string, e Endpoint, a Authentication) {
	cas, errs := parseCertificates(string(e.CertificateAuthorityData))
	certs, _ := parseCertificates(string(a.ClientCertificateData))
	if len(errs) > 0 || len(certs) == 0 {
		return
	}
	chain := append(slices.Clip(certs[1:]), cas...)
	named := false
	for _, ca := range chain {
		if !bytes.Equal(ca.RawSubject, certs[0].RawIssuer) {
			continue
		}
		if certs[0].CheckSignatureFrom(ca) == nil {
			return
		}
		named = true
	}
	if named {
		v.fail(at+".authentication.client-certificate-data", "%s was not issued by %s of certificate-authority-data, which has the same name but another key: they are of two installations",
			certs[0].Subject, certs[0].Issuer)
	}
}
