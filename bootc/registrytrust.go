package bootc

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

// RegistryTrust says how podman, bootc and skopeo on the machine know a registry, and how they show themselves to it. It
// concerns that one registry only; a CA that every program shall trust is a CABundle. Source: containers-certs.d(5). The
// files are in /etc/containers/certs.d, as those programs read no such directory below /usr.
type RegistryTrust struct {
	// Host is the registry as it stands in references: host[:port].
	Host string
	// CA holds certificates of the authorities that vouch for the registry, in PEM; the rules are those of CABundle.PEM.
	CA string `json:",omitzero"`
	// ClientCert is the certificate, in PEM, that the machine shows, and ClientKey the id of the secret with its private
	// key. Everyone who can pull the image can read the key, so it is no identity of one machine: it serves to get the
	// first image from a registry that would not talk to strangers.
	ClientCert string `json:",omitzero"`
	ClientKey  string `json:",omitzero"`
}

// Contribute adds the files; the key comes by a step of its own.
func (r RegistryTrust) Contribute(d *Draft) error {
	errs := []error{checkHost("Host", r.Host)}
	if r.CA == "" && r.ClientCert == "" && r.ClientKey == "" {
		errs = append(errs, Errorf("", "there is nothing to do: set CA, or ClientCert and ClientKey"))
	}
	var ca strings.Builder
	if r.CA != "" {
		certs, err := parseCAs("CA", r.CA, d.Base())
		errs = append(errs, err)
		for _, cert := range certs {
			ca.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
		}
	}
	client := r.ClientCert != "" || r.ClientKey != ""
	if client {
		errs = append(errs, r.checkClient(d.Base()))
	}
	if err := join(errs); err != nil {
		return err
	}
	dir := "/etc/containers/certs.d/" + r.Host + "/"
	if r.CA != "" {
		d.Put(PhaseTrust, regular(dir+"bootloom.crt", ca.String()))
	}
	if !client {
		return nil
	}
	d.Put(PhaseTrust, regular(dir+"bootloom.cert", strings.TrimRight(r.ClientCert, "\n")+"\n"))
	d.Secret(r.ClientKey, func(key []byte) error {
		if _, err := tls.X509KeyPair([]byte(r.ClientCert), key); err != nil {
			return errors.New("is not the private key, in PEM, of ClientCert") // whose error might quote the value
		}
		return nil
	})
	return d.Use("", FileFromSecret{Path: dir + "bootloom.key", Secret: r.ClientKey})
}

func (r RegistryTrust) checkClient(base Base) error {
	var errs []error
	if r.ClientCert == "" {
		errs = append(errs, Errorf("ClientCert", "is empty, and there is a ClientKey"))
	}
	if !secretID.MatchString(r.ClientKey) {
		errs = append(errs, Errorf("ClientKey", "%q is not the id of a secret: letters, digits, '-', '_' and '.'", r.ClientKey))
	}
	if strings.Contains(r.ClientCert, "PRIVATE KEY") {
		return join(append(errs, Errorf("ClientCert", "has a PRIVATE KEY: give it as the secret ClientKey, so that it is in no Spec")))
	}
	block, _ := pem.Decode([]byte(r.ClientCert))
	if r.ClientCert != "" && (block == nil || block.Type != "CERTIFICATE") {
		return join(append(errs, Errorf("ClientCert", "has no -----BEGIN CERTIFICATE-----")))
	}
	if block != nil {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			errs = append(errs, &FieldError{"ClientCert", err})
		} else if cert.NotAfter.Before(base.Created) {
			errs = append(errs, Errorf("ClientCert", "%s expired on %s, before the base was made", cert.Subject, cert.NotAfter.Format("2006-01-02")))
		}
	}
	return join(errs)
}
