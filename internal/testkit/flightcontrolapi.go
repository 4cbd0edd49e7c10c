package testkit

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A Device is what the service knows of one (api/core/v1beta1, Device), as far as tests ask.
type Device struct {
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Status struct {
		Summary      struct{ Status, Info string } // "Online", …
		Updated      struct{ Status, Info string } // "UpToDate", …
		OS           struct{ Image, ImageDigest string }
		SystemInfo   map[string]any // strings, and "customInfo", a map of strings
		Applications []struct {
			Name, AppType, Ready, Status string
			Embedded                     bool
		}
		ApplicationsSummary struct{ Status, Info string }
		Conditions          []struct{ Type, Status, Reason, Message string }
	}
}

// EnrollmentConfig mints an enrollment certificate and returns the agent configuration with it: what
//
//	flightctl certificate request --signer=enrollment --expiration=365d --output=embedded
//
// writes to config.yaml. host is the address of this machine as the device sees it: "127.0.0.1", in a [VM] "10.0.2.2".
func (f *FlightControl) EnrollmentConfig(ctx context.Context, host string) ([]byte, error) {
	name := "client-enrollment-" + strings.ToLower(rand.Text())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	keyPEM, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return nil, err
	}
	// An administrator's request is approved, and the certificate in the answer.
	var request struct{ Status struct{ Certificate []byte } }
	err = f.do(ctx, http.MethodPost, "/api/v1/certificatesigningrequests", map[string]any{
		"apiVersion": "flightctl.io/v1beta1", "kind": "CertificateSigningRequest", "metadata": map[string]string{"name": name},
		"spec": map[string]any{
			"request":    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}),
			"signerName": "flightctl.io/enrollment", "expirationSeconds": 365 * 24 * 60 * 60, "usages": []string{"clientAuth", "CA:false"},
		},
	}, &request)
	if err != nil {
		return nil, err
	}
	var config struct {
		Enrollment struct {
			UI      string `json:"enrollment-ui-endpoint"`
			Service struct {
				CA     string `json:"certificate-authority-data"`
				Server string
			}
		} `json:"enrollment-service"`
	}
	if err := f.do(ctx, http.MethodGet, "/api/v1/enrollmentconfig", nil, &config); err != nil {
		return nil, err
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `enrollment-service:
  authentication:
    client-certificate-data: %s
    client-key-data: %s
  enrollment-ui-endpoint: %s
  service:
    certificate-authority-data: %s
    server: %s
management-service:
  authentication: {}
  service: {}
`, encode(request.Status.Certificate), encode(keyPEM), config.Enrollment.UI, config.Enrollment.Service.CA,
		strings.Replace(config.Enrollment.Service.Server, "127.0.0.1", host, 1)), nil
}

// WaitRequest waits for a device to ask for enrollment that nobody has answered yet, and returns its name.
func (f *FlightControl) WaitRequest(ctx context.Context) (name string, err error) {
	err = f.wait(ctx, "an enrollment request", func() (bool, any, error) {
		var list struct {
			Items []struct {
				Metadata struct{ Name string }
				Status   struct{ Approval *struct{ Approved bool } }
			}
		}
		err := f.do(ctx, http.MethodGet, "/api/v1/enrollmentrequests", nil, &list)
		for _, r := range list.Items {
			if r.Status.Approval == nil {
				name = r.Metadata.Name
			}
		}
		return name != "", list.Items, err
	})
	return name, err
}

// Approve lets the device of an enrollment request in, with labels beside those that the device brings.
func (f *FlightControl) Approve(ctx context.Context, name string, labels map[string]string) error {
	if labels == nil {
		labels = map[string]string{} // without them the service panics
	}
	return f.do(ctx, http.MethodPut, "/api/v1/enrollmentrequests/"+name+"/approval", map[string]any{"approved": true, "labels": labels}, nil)
}

// Device returns what the service knows of a device.
func (f *FlightControl) Device(ctx context.Context, name string) (Device, error) {
	var d Device
	err := f.do(ctx, http.MethodGet, "/api/v1/devices/"+name, nil, &d)
	return d, err
}

// WaitDevice waits until the service says of a device what is waited for. what names that in the error.
func (f *FlightControl) WaitDevice(ctx context.Context, name, what string, is func(Device) bool) (d Device, err error) {
	err = f.wait(ctx, "device "+name+" to be "+what, func() (bool, any, error) {
		d, err = f.Device(ctx, name)
		return err == nil && is(d), d, err
	})
	return d, err
}

// WaitOnline waits until a device that was approved has reported. That can take ten seconds, the agent's own rhythm.
func (f *FlightControl) WaitOnline(ctx context.Context, name string) (Device, error) {
	return f.WaitDevice(ctx, name, "online", func(d Device) bool { return d.Status.Summary.Status == "Online" })
}

// PatchOS tells a device which OS image it should run. Do not wait for "UpToDate" alone: an agent without bootc says that
// too. Wait for the image's digest.
func (f *FlightControl) PatchOS(ctx context.Context, name, image string) error {
	patch := []map[string]any{{"op": "add", "path": "/spec/os", "value": map[string]string{"image": image}}}
	return f.do(ctx, http.MethodPatch, "/api/v1/devices/"+name, patch, nil)
}

// wait asks every quarter of a second, until the answer is yes or ctx or the service ends. An error is an answer that
// may become better.
func (f *FlightControl) wait(ctx context.Context, what string, ask func() (yes bool, seen any, err error)) error {
	for {
		yes, seen, err := ask()
		if yes {
			return nil
		}
		if dead := f.alive(); dead != nil {
			return dead
		}
		select {
		case <-ctx.Done():
			last, _ := json.MarshalIndent(seen, "", "  ")
			return fmt.Errorf("waited for %s: %w; the last answer (error: %v):\n%s", what, ctx.Err(), err, last)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// do sends a request to the user API, with body and answer as JSON unless they are nil.
func (f *FlightControl) do(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	q, err := http.NewRequestWithContext(ctx, method, f.URL+path, content)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+f.Token)
	q.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		q.Header.Set("Content-Type", "application/json-patch+json")
	}
	r, err := f.client.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, r.Status, b)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(b, answer)
}
