package flightctl_test

import (
	"context"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestEnrol takes configurations from the real service through CheckConfig, Validate and YAML to real agents, old and new,
// which enrol with it and report what they say.
func TestEnrol(t *testing.T) {
	service := testkit.NewFlightControl(t)
	for _, agent := range agents {
		t.Run(agent, func(t *testing.T) { enrol(t, service, agent) })
	}
}

func enrol(t *testing.T, service *testkit.FlightControl, version string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	check := flightctl.Check{Agent: flightctl.Version(version), Now: time.Now(), ValidFor: 300 * 24 * time.Hour}
	given, err := service.EnrollmentConfig(ctx, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := flightctl.CheckConfig(given, check)
	if err != nil {
		t.Fatalf("the service's own configuration: %v", err)
	}
	c.StatusUpdateInterval = 2 * time.Second
	c.LogLevel = "debug"
	c.DefaultLabels = map[string]string{"line": "7", "fleet.example.com/stage": "true"}
	c.SystemInfo = []string{"hostname", "architecture"}
	c.SystemInfoCustom = []string{"site"}
	c.Audit = flightctl.Off()
	labels := map[string]string{"line": "7", "fleet.example.com/stage": "true", "by": "test"}
	if !check.Agent.AtLeast(1, 1) {
		c.SpecFetchInterval = 2 * time.Second // later ones wait at the service
	}
	if check.Agent.AtLeast(1, 2) {
		c.LabelFromSystemInfo = map[string]string{"arch": "architecture"}
		c.ImagePruning = flightctl.On()
		labels["arch"] = runtime.GOARCH
	}
	if err := c.Validate(check); err != nil {
		t.Fatal(err)
	}
	written, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}

	agent := testkit.NewAgent(t, version, fstest.MapFS{
		"etc/flightctl/config.yaml":               {Data: written},
		"usr/lib/flightctl/custom-info.d/10-site": {Data: []byte("#!/bin/sh\necho factory-7\n"), Mode: 0o755},
	})
	name, err := service.WaitRequest(ctx)
	if err != nil {
		t.Fatalf("%v\n%s", err, agent.Log())
	}
	if err := service.Approve(ctx, name, map[string]string{"by": "test"}); err != nil {
		t.Fatal(err)
	}
	d, err := service.WaitOnline(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range labels {
		if got := d.Metadata.Labels[key]; got != want {
			t.Errorf("label %s is %q, want %q", key, got, want)
		}
	}
	info, _ := d.Status.SystemInfo["customInfo"].(map[string]any)
	if info["site"] != "factory-7" {
		t.Errorf("custom info %v", info)
	}
	if d.Status.SystemInfo["hostname"] == nil || d.Status.SystemInfo["kernel"] != nil {
		t.Errorf("system info is not what was asked for: %v", d.Status.SystemInfo)
	}
	_, err = service.WaitDevice(ctx, name, "up to date", func(d testkit.Device) bool { return d.Status.Updated.Status == "UpToDate" })
	if err != nil {
		t.Error(err)
	}
}
