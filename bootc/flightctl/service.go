package flightctl

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// Service is a Flight Control service that mints enrollment certificates, as "flightctl certificate request
// --signer=enrollment --output=embedded" has it do. It is an EnrollmentProvider: the key is made here and never leaves this
// process but in the Config.
type Service struct {
	// URL of the user API: https://api.flightctl.example.com, with the port if it is not 443.
	URL string
	// Token is the bearer token of a user who may request certificates.
	Token bootc.SecretValue
	// CA are the certificates that the API's one must come from; the zero value is those of the system.
	CA PEM
	// Organization is a UUID; the zero value is the default organization.
	Organization string
	// Expiration is how long the certificate is valid, in whole seconds; the zero value is 365 days.
	Expiration time.Duration
	// Client sends the requests, instead of one that is made for CA.
	Client *http.Client
}

var (
	// ErrUnauthorized is in the error when the service does not take the token, or the user may not request certificates.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrDenied is in the error when somebody has denied the certificate.
	ErrDenied = errors.New("denied")
)

// Enrollment requests a certificate, waits until somebody has approved it (the service approves those of an administrator
// at once) or ctx is done, and returns it with the endpoint. The error is a *bootc.OpError.
func (s Service) Enrollment(ctx context.Context) (Config, error) {
	c, err := s.enrollment(ctx)
	if err != nil {
		return Config{}, &bootc.OpError{Op: "request enrollment", Ref: s.URL, Err: err}
	}
	return c, nil
}

func (s Service) enrollment(ctx context.Context) (Config, error) {
	if err := s.check(); err != nil {
		return Config{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Config{}, err
	}
	request, err := s.submit(ctx, key)
	for err == nil && len(request.Status.Certificate) == 0 {
		if err = request.denied(); err == nil {
			request, err = s.again(ctx, request.Metadata.Name)
		}
	}
	if err != nil {
		return Config{}, err
	}
	var about enrollmentConfig
	if err := s.do(ctx, http.MethodGet, configPath, nil, &about); err != nil {
		return Config{}, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return Config{}, err
	}
	var c Config
	e := &c.EnrollmentService
	e.Service.Server = about.EnrollmentService.Service.Server
	e.Service.CertificateAuthorityData = PEM(about.EnrollmentService.Service.CA)
	e.EnrollmentUIEndpoint = about.EnrollmentService.UI
	e.Organization = s.Organization
	e.Authentication.ClientCertificateData = PEM(request.Status.Certificate)
	e.Authentication.ClientKeyData = KeyFromPEM(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	if err := c.Validate(Check{Now: time.Now()}); err != nil {
		return Config{}, fmt.Errorf("the service gave a configuration that no agent can use: %w", err)
	}
	return c, nil
}

func (s Service) check() error {
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return bootc.Errorf("URL", "%q is not an address: https://…", s.URL)
	}
	if s.Expiration < 0 || s.Expiration > 0 && s.Expiration < time.Minute {
		return bootc.Errorf("Expiration", "%s is too short for any device to enrol", s.Expiration)
	}
	return nil
}

// submit posts a request under a name that is not taken.
func (s Service) submit(ctx context.Context, key *ecdsa.PrivateKey) (certificateRequest, error) {
	for attempt := 1; ; attempt++ {
		var in, out certificateRequest
		suffix := make([]byte, 8)
		if _, err := rand.Read(suffix); err != nil {
			return out, err
		}
		name := csrPrefix + hex.EncodeToString(suffix)
		tmpl := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}
		if s.Organization != "" {
			value, err := asn1.Marshal(s.Organization)
			if err != nil {
				return out, err
			}
			tmpl.ExtraExtensions = []pkix.Extension{{Id: oidOrganization, Value: value}}
		}
		der, err := x509.CreateCertificateRequest(rand.Reader, tmpl, key)
		if err != nil {
			return out, err
		}
		in.APIVersion, in.Kind, in.Metadata.Name = "flightctl.io/v1beta1", "CertificateSigningRequest", name
		in.Spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
		in.Spec.SignerName, in.Spec.Usages = csrSigner, []string{"clientAuth", "CA:false"}
		in.Spec.ExpirationSeconds = int64(cmp.Or(s.Expiration, 365*24*time.Hour) / time.Second)
		err = s.do(ctx, http.MethodPost, csrPath, in, &out)
		if status, ok := errors.AsType[*statusError](err); ok && status.code == http.StatusConflict && attempt < 3 {
			continue
		}
		out.Metadata.Name = name
		return out, err
	}
}

// again asks for the request once more, a second later.
func (s Service) again(ctx context.Context, name string) (certificateRequest, error) {
	select {
	case <-ctx.Done():
		return certificateRequest{}, fmt.Errorf("%s has not been approved: %w", name, ctx.Err())
	case <-time.After(time.Second):
	}
	var out certificateRequest
	err := s.do(ctx, http.MethodGet, csrPath+"/"+name, nil, &out)
	out.Metadata.Name = name
	return out, err
}
