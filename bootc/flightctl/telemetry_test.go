package flightctl_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
)

// TestTelemetryUnits has systemd read the units, and compares the paths that configuration, units and agent must agree on.
func TestTelemetryUnits(t *testing.T) {
	telemetry, err := flightctl.TelemetryFor(enrollment(t))
	if err != nil {
		t.Fatal(err)
	}
	telemetry.Interval = time.Minute
	dir := unpacked(t, planned(t, telemetry), nil)
	units := filepath.Join(dir, "usr/lib/systemd/system")
	for _, name := range []string{"otelcol.service", "otelcol.path"} {
		text := strings.ReplaceAll(readFile(t, units, name), "/usr/bin/opentelemetry-collector", "/bin/true")
		writeFile(t, filepath.Join(units, name), []byte(text))
	}
	out := output(t, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", units+"/otelcol.service", units+"/otelcol.path")
	if strings.Contains(out, "otelcol") {
		t.Errorf("systemd-analyze: %s", out)
	}

	var config struct {
		Receivers struct {
			HostMetrics struct {
				Interval string `yaml:"collection_interval"`
			}
		}
		Exporters struct {
			OTLP struct {
				Endpoint string
				TLS      struct {
					CA   string `yaml:"ca_file"`
					Cert string `yaml:"cert_file"`
					Key  string `yaml:"key_file"`
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, dir, "usr/lib/otelcol/config.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	otlp := config.Exporters.OTLP
	if otlp.Endpoint != "telemetry.flightctl.example.com:4317" || config.Receivers.HostMetrics.Interval != "1m0s" {
		t.Errorf("%+v", config)
	}
	if got := readFile(t, dir, otlp.TLS.CA); got != string(telemetry.CA) {
		t.Errorf("the CA is\n%s", got)
	}
	agent := readFile(t, dir, "etc/flightctl/certs.d/otel.yaml")
	for _, path := range []string{otlp.TLS.Cert, otlp.TLS.Key} {
		if !strings.Contains(agent, " "+path+"\n") {
			t.Errorf("the agent does not write %s:\n%s", path, agent)
		}
	}
	if path := readFile(t, units, "otelcol.path"); !strings.Contains(path, "PathExists="+otlp.TLS.Key+"\n") {
		t.Errorf("nothing waits for %s:\n%s", otlp.TLS.Key, path)
	}
}

func TestTelemetryForRefuses(t *testing.T) {
	var c flightctl.Config
	if _, err := flightctl.TelemetryFor(c); len(bootc.FieldErrors(err)) != 2 {
		t.Errorf("%v", err)
	}
	c = enrollment(t)
	c.EnrollmentService.Service.Server = "https://[2001:db8::1]:7443" // no name to change
	if got, err := flightctl.TelemetryFor(c); err != nil || got.Endpoint != "[2001:db8::1]:4317" {
		t.Errorf("%s %v", got.Endpoint, err)
	}
}
