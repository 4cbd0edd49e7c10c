package flightctl

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// The part of the API that Service uses: https://github.com/flightctl/flightctl/blob/main/api/core/v1beta1/openapi.yaml

const (
	csrPath    = "/api/v1/certificatesigningrequests"
	configPath = "/api/v1/enrollmentconfig"
	csrSigner  = "flightctl.io/enrollment"
	csrPrefix  = "client-enrollment-" // the service wants it
)

// oidOrganization is the extension by which a request names its organization (internal/crypto/signer of the service).
var oidOrganization = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1, 2}

// certificateRequest is the resource of the API, as far as it is needed.
type certificateRequest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Request           []byte   `json:"request"`
		SignerName        string   `json:"signerName"`
		ExpirationSeconds int64    `json:"expirationSeconds"`
		Usages            []string `json:"usages"`
	} `json:"spec"`
	Status struct {
		Certificate []byte `json:"certificate"`
		Conditions  []struct {
			Type, Status, Message string
		} `json:"conditions"`
	} `json:"status,omitzero"`
}

// enrollmentConfig is what the service says about itself.
type enrollmentConfig struct {
	EnrollmentService struct {
		Service struct {
			Server string `json:"server"`
			CA     []byte `json:"certificate-authority-data"`
		} `json:"service"`
		UI string `json:"enrollment-ui-endpoint"`
	} `json:"enrollment-service"`
}

func (r certificateRequest) denied() error {
	for _, c := range r.Status.Conditions {
		if (c.Type == "Denied" || c.Type == "Failed") && c.Status == "True" {
			return fmt.Errorf("%s: %w: %s", r.Metadata.Name, ErrDenied, c.Message)
		}
	}
	return nil
}

// statusError is an answer that is no success.
type statusError struct {
	code    int
	message string
}

func (e *statusError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("the service answers %d %s: %s", e.code, http.StatusText(e.code), e.message), ": ")
}

func (e *statusError) Is(target error) bool {
	return target == ErrUnauthorized && (e.code == http.StatusUnauthorized || e.code == http.StatusForbidden)
}

// longAnswer is more than any answer of the API has.
const longAnswer = 4 << 20

// do sends in as JSON, if it is not nil, and reads the answer into out.
func (s Service) do(ctx context.Context, method, path string, in, out any) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	token, err := s.Token.Resolve()
	if err != nil {
		return bootc.Errorf("Token", "%w", err)
	}
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	address := strings.TrimSuffix(s.URL, "/") + path
	if s.Organization != "" {
		address += "?org_id=" + url.QueryEscape(s.Organization)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, longAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		var status struct{ Message string }
		_ = json.Unmarshal(answer, &status) // a proxy may have answered
		return &statusError{res.StatusCode, status.Message}
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what the API of Flight Control gives: %w", method, path, err)
	}
	return nil
}

func (s Service) client() (*http.Client, error) {
	if s.Client != nil {
		return s.Client, nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if s.CA != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(s.CA)) {
			return nil, bootc.Errorf("CA", "has no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	transport.DisableKeepAlives = true // the client is gone after the call
	return &http.Client{Transport: transport}, nil
}
