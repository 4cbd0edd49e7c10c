package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/bootloom/bootloom/bootc"
)

// tlsConfig returns what the Client trusts and shows. A CA or key that cannot be used is an error here, not an
// unexplained handshake failure later.
func (c Client) tlsConfig() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureSkipTLSVerify}
	if len(c.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // no system store: then only CA counts
		}
		if !pool.AppendCertsFromPEM(c.CA) {
			return nil, bootc.Errorf("Client.CA", "no certificate in it: want PEM with BEGIN CERTIFICATE")
		}
		cfg.RootCAs = pool
	}
	if (len(c.ClientCert) > 0) != (len(c.ClientKey) > 0) {
		return nil, bootc.Errorf("Client.ClientCert", "a client certificate needs its key: set both ClientCert and ClientKey, or neither")
	}
	if len(c.ClientCert) > 0 {
		pair, err := tls.X509KeyPair(c.ClientCert, c.ClientKey)
		if err != nil {
			// The cause of a bad key may quote it; that of a bad pair does not help beyond this.
			return nil, &bootc.FieldError{Path: "Client.ClientCert", Err: errors.New("certificate and key are not a PEM pair that belongs together")}
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
