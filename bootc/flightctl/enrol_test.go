package flightctl_test

import (
	"context"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestEnrol takes a configuration from the real service through ParseConfig, Validate and YAML to a real agent,
// which enrols with it and reports what it says.
func TestEnrol(t *testing.T) {
	service := testkit.NewFlightControl(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	given, err := service.EnrollmentConfig(ctx, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := flightctl.CheckConfig(given, flightctl.Check{Agent: "1.2.0", Now: time.Now(), ValidFor: 300 * 24 * time.Hour})
	if err != nil {
		t.Fatalf("the service's own configuration: %v", err)
	}
	c.StatusUpdateInterval = 2 * time.Second
	c.LogLevel = "debug"
	c.DefaultLabels = map[string]string{"line": "7", "fleet.example.com/stage": "true"}
	c.LabelFromSystemInfo = map[string]string{"arch": "architecture"}
	c.SystemInfo = []string{"hostname", "architecture"}
	c.SystemInfoCustom = []string{"site"}
	c.ImagePruning, c.Audit = flightctl.On(), flightctl.Off()
	if err := c.Validate(flightctl.Check{Agent: "1.2.0", Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	written, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}

	agent := testkit.NewAgent(t, testkit.FlightctlV12, fstest.MapFS{
		"etc/flightctl/config.yaml":               {Data: written},
		"usr/lib/flightctl/custom-info.d/10-site": {Data: []byte("#!/bin/sh\necho factory-7\n"), Mode: 0o755},
	})
	name, err := service.WaitRequest(ctx)
	if err != nil {
		t.Fatalf("%v\n%s", err, agent.Log())
	}
	if err := service.Approve(ctx, name, nil); err != nil {
		t.Fatal(err)
	}
	d, err := service.WaitOnline(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"line": "7", "fleet.example.com/stage": "true", "arch": "amd64"} {
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
