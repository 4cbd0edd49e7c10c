package flightctl

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// Telemetry has the OpenTelemetry collector of the device send its metrics to Flight Control's telemetry gateway, with a
// certificate of the device's own that the agent requests and renews.
//
// The collector starts when the certificate is there, so also on a device that is approved days later; upstream's guide
// has it wait for two minutes. What is static lies in /usr, the certificate and key in /etc/otelcol/certs.
type Telemetry struct {
	// Endpoint is host:port of the gateway.
	Endpoint string
	// CA are the certificates that the gateway's one must come from.
	CA PEM
	// Interval is the time between two samples; the zero value is 10 s.
	Interval time.Duration `json:",omitzero"`
}

// TelemetryFor is the Telemetry for the service of a configuration: its CA, and the host with "telemetry." for "agent-api."
// and port 4317, as upstream's deployments have it.
func TelemetryFor(c Config) (Telemetry, error) {
	service := c.EnrollmentService.Service
	var errs []error
	u, err := url.Parse(service.Server)
	if err != nil || u.Hostname() == "" {
		errs = append(errs, bootc.Errorf("enrollment-service.service.server", "%q is not an https URL", service.Server))
	}
	if service.CertificateAuthorityData == "" {
		errs = append(errs, bootc.Errorf("enrollment-service.service.certificate-authority-data", "is needed, as the collector must know the gateway's CA"))
	}
	if err := errors.Join(errs...); err != nil {
		return Telemetry{}, err
	}
	host := u.Hostname()
	if rest, ok := strings.CutPrefix(host, "agent-api."); ok {
		host = "telemetry." + rest
	}
	return Telemetry{Endpoint: net.JoinHostPort(host, "4317"), CA: service.CertificateAuthorityData}, nil
}

const (
	otelDir  = "/usr/lib/otelcol/"
	otelCert = "/etc/otelcol/certs/otel.crt"
	otelKey  = "/etc/otelcol/certs/otel.key"
)

// Contribute asks for the package, and adds configuration, units and the certificate that the agent shall request.
func (t Telemetry) Contribute(d *bootc.Draft) error {
	var errs []error
	if host, port, err := net.SplitHostPort(t.Endpoint); err != nil || host == "" || port == "" || strings.ContainsAny(t.Endpoint, " \"'/\n") {
		errs = append(errs, bootc.Errorf("Endpoint", "%q is not host:port, such as telemetry.example.com:4317", t.Endpoint))
	}
	if t.Interval == 0 {
		t.Interval = 10 * time.Second
	}
	if t.Interval < time.Second {
		errs = append(errs, bootc.Errorf("Interval", "%s is less than 1s", t.Interval))
	}
	v := validator{Check: Check{Now: d.Base().Created}}
	v.certificates("CA", t.CA)
	errs = append(errs, v.errs...)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return errors.Join(
		d.Use("", bootc.Packages{Install: []string{"opentelemetry-collector"}}),
		d.Use("", bootc.File{Path: otelDir + "config.yaml", Content: bootc.Text(fmt.Sprintf(otelConfig, t.Interval, t.Endpoint))}),
		d.Use("CA", bootc.File{Path: otelDir + "ca.crt", Content: bootc.Text(string(t.CA))}),
		d.Use("", CertDropIn{Name: "otel", CertPath: otelCert, KeyPath: otelKey}),
		d.Use("", bootc.Unit{Name: "otelcol.service", Content: otelService}),
		d.Use("", bootc.Unit{Name: "otelcol.path", Content: otelPath, Enable: true}))
}

// otelConfig reads the certificate again from time to time, as the agent renews it.
const otelConfig = `receivers:
  hostmetrics:
    collection_interval: %s
    scrapers: {cpu: {}, memory: {}}
exporters:
  otlp:
    endpoint: %q
    tls:
      ca_file: ` + otelDir + `ca.crt
      cert_file: ` + otelCert + `
      key_file: ` + otelKey + `
      reload_interval: 1h
service:
  pipelines:
    metrics:
      receivers: [hostmetrics]
      exporters: [otlp]
`

const otelService = `[Unit]
Description=OpenTelemetry Collector
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/opentelemetry-collector --config=` + otelDir + `config.yaml
Restart=on-failure
RestartSec=30
`

// otelPath starts the service when the agent has written the key, which it does after the certificate.
const otelPath = `[Unit]
Description=Certificate of the OpenTelemetry Collector

[Path]
PathExists=` + otelKey + `

[Install]
WantedBy=multi-user.target
`
