package flightctl

import (
	"errors"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

func (v *validator) enrollment(s EnrollmentService) {
	const at = "enrollment-service"
	v.endpoint(at+".service", s.Service)
	v.credentials(at+".authentication", s.Authentication, !v.NoCredentials)
	v.issuer(at, s.Service, s.Authentication)
	v.organization(at, s.Organization)
	if s.EnrollmentUIEndpoint != "" {
		if err := checkURL(s.EnrollmentUIEndpoint); err != nil {
			v.fail(at+".enrollment-ui-endpoint", "%q: %w", s.EnrollmentUIEndpoint, err)
		}
	}
}

// connection checks the services for which there is a default.
func (v *validator) connection(at string, c Connection) {
	if c == (Connection{}) {
		return
	}
	// To the agent, insecureSkipVerify alone is as if the whole service were not there.
	if c.Service.InsecureSkipVerify && c == (Connection{Service: Endpoint{InsecureSkipVerify: true}}) {
		v.fail(at+".service.insecureSkipVerify", "%w without a server, and takes the settings of the enrollment service", ErrIgnored)
		return
	}
	v.endpoint(at+".service", c.Service)
	v.organization(at, c.Organization)
	a := c.Authentication
	if a.ClientCertificateData != "" || !a.ClientKeyData.IsZero() {
		v.fail(at+".authentication", "the agent renews this certificate itself and needs files for it and its key: leave this out, and it comes from enrollment")
		return
	}
	v.credentials(at+".authentication", a, false)
}

func (v *validator) endpoint(at string, e Endpoint) {
	if e.Server == "" {
		v.fail(at+".server", "is missing: the URL of the agent's API, such as https://agent-api.example.com:7443")
	} else if err := checkURL(e.Server); err != nil {
		v.fail(at+".server", "%q: %w", e.Server, err)
	}
	if e.TLSServerName != "" && !hostName.MatchString(e.TLSServerName) {
		v.fail(at+".tls-server-name", "%q is not a name as a certificate has it, without port", e.TLSServerName)
	}
	v.oneOf(at, "certificate-authority", e.CertificateAuthority, e.CertificateAuthorityData != "")
	if e.CertificateAuthorityData != "" {
		v.certificates(at+".certificate-authority-data", e.CertificateAuthorityData)
	}
}

// oneOf checks a file and its data, of which the agent refuses both.
func (v *validator) oneOf(at, key, file string, data bool) {
	if file != "" && data {
		v.fail(at+"."+key, "and %s-data are both there: one of them", key)
	}
	switch { // without a word of what it is, as that may be a key
	case strings.Contains(file, "-----BEGIN") || strings.HasPrefix(file, pemInBase64):
		v.fail(at+"."+key, "is no path, but what belongs into %s-data", key)
	case file != "" && !cleanPath(path.Join("/etc/flightctl", file)), strings.HasSuffix(file, "/"):
		v.fail(at+"."+key, "is not the path of a file")
	}
}

// pemInBase64 is what every PEM text begins with in base64.
const pemInBase64 = "LS0tLS1CRUdJTi"

func (v *validator) organization(at, id string) {
	if id != "" && !uuid.MatchString(id) {
		v.fail(at+".organization", "%q is not a UUID, such as 00000000-0000-0000-0000-000000000000", id)
	}
}

var (
	uuid     = lazyregexp.New(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	hostName = lazyregexp.New(`^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|[0-9A-Fa-f:.]+)$`)
)

// checkURL wants https and a host, and nothing that the agent, which adds its own paths, would not send.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("is not a URL, such as https://agent-api.example.com:7443")
	case u.Scheme != "https":
		return errors.New("must begin with https://")
	case !hostName.MatchString(u.Hostname()):
		return errors.New("has no host, or one that is none")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("may have no user, query or fragment")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("has no port between 1 and 65535")
		}
	}
	return nil
}

func cleanPath(p string) bool {
	return path.IsAbs(p) && path.Clean(p) == p && p != "/" && !strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f })
}
