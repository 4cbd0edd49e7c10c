package flightctl_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestServiceEnrols has the real service mint certificates, and real agents ask for enrollment with them: one that gets
// all of its configuration at provisioning, and one whose image has the endpoint and that gets the certificate.
func TestServiceEnrols(t *testing.T) {
	f := testkit.NewFlightControl(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	service := flightctl.Service{URL: f.URL, Token: bootc.SecretBytes([]byte(f.Token)), CA: flightctl.PEM(f.CA), Expiration: 2 * time.Hour}
	check := flightctl.Check{Agent: testkit.FlightctlV12, Now: time.Now(), ValidFor: time.Hour}

	whole, err := flightctl.EnrolledPayload(ctx, service, check)
	if err != nil {
		t.Fatal(err)
	}
	c, err := service.Enrollment(ctx)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(c.EnrollmentService.Authentication.ClientCertificateData))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(cert.NotAfter); left < 110*time.Minute || left > 2*time.Hour+time.Minute || !strings.HasPrefix(cert.Subject.CommonName, "client-enrollment-") {
		t.Errorf("%s is valid for %s", cert.Subject, left)
	}
	credentials, err := flightctl.NewCredentials(c, check)
	if err != nil {
		t.Fatal(err)
	}
	c.EnrollmentService.Authentication = flightctl.Authentication{}
	endpoint := planned(t, flightctl.Agent{Version: "1.2.0", Binding: flightctl.EndpointOnly(c, flightctl.CloudInit)})

	for name, root := range map[string]fstest.MapFS{"late": provisioned(t, whole), "endpoint only": provisioned(t, credentials)} {
		t.Run(name, func(t *testing.T) {
			if name != "late" {
				for _, a := range endpoint.Archives {
					for _, e := range a.Entries {
						if e.Path == flightctl.ConfigPath {
							data, err := e.Content.ReadAll()
							if err != nil {
								t.Fatal(err)
							}
							root[e.Path[1:]] = &fstest.MapFile{Data: data, Mode: e.Mode}
						}
					}
				}
			}
			testkit.NewAgent(t, testkit.FlightctlV12, root)
			device, err := f.WaitRequest(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Approve(ctx, device, map[string]string{"bound": strings.Fields(name)[0]}); err != nil {
				t.Fatal(err)
			}
			if d, err := f.WaitOnline(ctx, device); err != nil || d.Metadata.Labels["bound"] != strings.Fields(name)[0] {
				t.Errorf("%+v %v", d, err)
			}
		})
	}
}

// provisioned are the files that a payload's cloud-config writes.
func provisioned(t *testing.T, p flightctl.Payload) fstest.MapFS {
	t.Helper()
	var config struct {
		Files []struct{ Path, Permissions, Content string } `yaml:"write_files"`
	}
	if err := yaml.Unmarshal(p.CloudConfig(), &config); err != nil {
		t.Fatal(err)
	}
	root := fstest.MapFS{}
	for _, f := range config.Files {
		data, err := unbase64(f.Content)
		if err != nil {
			t.Fatal(err)
		}
		mode, err := strconv.ParseUint(f.Permissions, 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		root[f.Path[1:]] = &fstest.MapFile{Data: data, Mode: fs.FileMode(mode)}
	}
	return root
}
