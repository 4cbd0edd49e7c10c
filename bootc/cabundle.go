package bootc

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// CABundle makes the image trust certificate authorities. The certificates go below /usr, and the distribution's own
// tool (update-ca-trust, update-ca-certificates) makes the stores that programs read. Several bundles share one run
// of the tool.
type CABundle struct {
	// Name of the files: letters, digits, "-", "_" and ".".
	Name string
	// PEM holds the certificates, and text between them if there must be some. A private key is an error, and so are
	// a certificate that is no CA's, one that is in the bundle twice, and one that had expired when the base was made.
	PEM string
	// BeforePackages makes the image trust them before packages are installed, for a package mirror with a private
	// CA. A new certificate then means a new package layer too. The base must have the tool; Debian's is in the
	// package ca-certificates.
	BeforePackages bool `json:",omitzero"`
}

// CABundle trusts the certificates in pem; see CABundle.
func (s Spec) CABundle(name, pem string) Spec { return s.With(CABundle{Name: name, PEM: pem}) }

var bundleName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Contribute adds the certificates and asks for the tool.
func (c CABundle) Contribute(d *Draft) error {
	family, err := d.Family()
	if err != nil {
		return err
	}
	var errs []error
	if name := strings.ToLower(c.Name); !bundleName.MatchString(c.Name) || strings.HasSuffix(name, ".crt") || strings.HasSuffix(name, ".pem") {
		errs = append(errs, Errorf("Name", "%q is not the name of a file without .crt: letters, digits and . _ -", c.Name))
	}
	certs, err := parseCAs("PEM", c.PEM, d.Base())
	if err := join(append(errs, err)); err != nil {
		return err
	}
	phase := PhaseTrust
	if c.BeforePackages {
		phase = PhaseRepos
	}
	for i, cert := range certs {
		name := c.Name + ".crt"
		if len(certs) > 1 { // a file each: "openssl rehash" of Debian's tool skips files with several
			name = fmt.Sprintf("%s-%d.crt", c.Name, i+1)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
		d.Put(phase, regular(bundleDir[family]+name, string(text)))
		d.trust[phase].certs = append(d.trust[phase].certs, "bootloom/"+name)
	}
	d.trust[phase].features = append(d.trust[phase].features, d.origin)
	return nil
}

// bundleDir: update-ca-trust(8) reads anchors below /usr/share too, and so need nothing in /etc.
// update-ca-certificates(8) reads /usr/local/share/ca-certificates without being told to, but on bootable images
// /usr/local may lie in /var, which updates do not reach; what is in /usr/share it takes when its list names it.
var bundleDir = map[Family]string{
	Fedora: "/usr/share/pki/ca-trust-source/anchors/",
	Debian: "/usr/share/ca-certificates/bootloom/",
}

// parseCAs reads the certificates of authorities; field is the one with the text.
func parseCAs(field, text string, base Base) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	var errs []error
	seen := map[[sha256.Size]byte]int{}
	rest := []byte(text)
	for n := 1; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		fail := func(format string, args ...any) {
			errs = append(errs, Errorf(field, "block %d: "+format, append([]any{n}, args...)...))
		}
		if strings.Contains(block.Type, "PRIVATE KEY") {
			fail("this is a PRIVATE KEY: everyone who has the image would have it; take it out, and replace it if it was published")
			continue
		}
		if block.Type != "CERTIFICATE" {
			fail("%s is not a certificate", block.Type)
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			fail("%w", err)
			continue
		}
		sum := sha256.Sum256(cert.Raw)
		switch {
		case !cert.IsCA:
			fail("%s is not a CA certificate: trust the CA that issued it", cert.Subject)
		case seen[sum] > 0:
			fail("is the same certificate as block %d", seen[sum])
		case cert.NotAfter.Before(base.Created):
			fail("%s expired on %s, before the base was made", cert.Subject, cert.NotAfter.Format("2006-01-02"))
		}
		seen[sum] = n
		certs = append(certs, cert)
	}
	if bytes.Contains(rest, []byte("-----BEGIN")) {
		errs = append(errs, Errorf(field, "has a block that does not end or is not base64"))
	}
	if len(certs) == 0 && len(errs) == 0 {
		errs = append(errs, Errorf(field, "has no -----BEGIN CERTIFICATE-----"))
	}
	return certs, join(errs)
}

// trusted is what the CABundles of one phase have put in, for the tool.
type trusted struct {
	certs    []string // relative to /usr/share/ca-certificates, as Debian's list has them
	features []string
}

// settleTrust runs the distribution's tool once a phase.
func (d *Draft) settleTrust() []error {
	for phase, t := range d.trust {
		if len(t.certs) == 0 {
			continue
		}
		run := containerfile.Run{Command: containerfile.Command{Shell: "update-ca-trust"}}
		if family, _ := d.Family(); family == Debian {
			run = containerfile.Script(strings.Join([]string{
				"set -eu",
				"if ! command -v update-ca-certificates >/dev/null; then",
				`  echo "CABundle needs the package ca-certificates, which this image lacks: install it with Packages" >&2`,
				"  exit 1",
				"fi",
				"conf=/etc/ca-certificates.conf",
				"for cert in " + words(t.certs) + "; do",
				`  grep -qxF "$cert" "$conf" || echo "$cert" >>"$conf"`,
				"done",
				"update-ca-certificates",
			}, "\n") + "\n")
		}
		d.addFor(t.features, Phase(phase), run)
	}
	return nil
}
