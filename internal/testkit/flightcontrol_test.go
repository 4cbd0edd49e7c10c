package testkit

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestFlightControl enrols a real agent in the real service.
func TestFlightControl(t *testing.T) {
	f := NewFlightControl(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	config, err := f.EnrollmentConfig(ctx, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("as the client writes it", func(t *testing.T) {
		cli := Flightctl(t, FlightctlV12, "flightctl")
		home := t.TempDir()
		ca := filepath.Join(home, "root.crt")
		if err := os.WriteFile(ca, f.CA, 0o600); err != nil {
			t.Fatal(err)
		}
		flightctl := func(args ...string) []byte {
			t.Helper()
			cmd := exec.CommandContext(ctx, cli, args...)
			var out, errs bytes.Buffer
			cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "PATH=/usr/bin:/bin"}
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v: %v\n%s%s", args, err, out.Bytes(), errs.Bytes())
			}
			return out.Bytes()
		}
		flightctl("login", f.URL, "--certificate-authority="+ca, "--token="+f.Token)
		theirs := flightctl("certificate", "request", "--signer=enrollment", "--expiration=365d", "--output=embedded")
		if got, want := yamlKeys(t, config), yamlKeys(t, theirs); !slices.Equal(got, want) {
			t.Errorf("EnrollmentConfig has %q, the client writes %q", got, want)
		}
	})

	agent := NewAgent(t, FlightctlV12, fstest.MapFS{
		"etc/flightctl/config.yaml":            {Data: append(config, "status-update-interval: 2s\nspec-fetch-interval: 2s\nsystem-info-custom: [site]\ndefault-labels: {line: '7'}\n"...)},
		"usr/lib/flightctl/custom-info.d/site": {Data: []byte("#!/bin/sh\necho factory-7\n"), Mode: 0o755},
		"usr/bin/bootc":                        {Data: []byte("#!/bin/sh\necho '" + bootcStatus + "'\n"), Mode: 0o755},
	})
	name, err := f.WaitRequest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Device(ctx, name); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("before the approval there is a device, or no 404: %v", err)
	}
	if err := f.Approve(ctx, name, map[string]string{"site": "lab"}); err != nil {
		t.Fatal(err)
	}
	d, err := f.WaitOnline(ctx, name)
	if err != nil {
		t.Fatalf("%v\n%s", err, agent.Log())
	}
	info, _ := d.Status.SystemInfo["customInfo"].(map[string]any)
	if d.Metadata.Labels["site"] != "lab" || d.Metadata.Labels["line"] != "7" || info["site"] != "factory-7" ||
		d.Status.OS.Image != "registry.example.com/acme/os:1" || !strings.HasPrefix(d.Status.OS.ImageDigest, "sha256:0123") {
		t.Errorf("the service knows %+v", d)
	}
	if v, _ := d.Status.SystemInfo["agentVersion"].(string); v != FlightctlV12 {
		t.Errorf("agent version %q", v)
	}
	if err := f.PatchOS(ctx, name, "registry.example.com/acme/os:2"); err != nil {
		t.Error(err)
	}
	if _, err := f.WaitDevice(ctx, name, "out of date", func(d Device) bool { return d.Status.Updated.Status == "OutOfDate" }); err != nil {
		t.Error(err)
	}
}

const bootcStatus = `{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","metadata":{"name":"host"},"spec":{},"status":{"staged":null,"booted":` +
	`{"image":{"image":{"image":"registry.example.com/acme/os:1","transport":"registry"},"imageDigest":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}},"rollback":null,"type":"bootcHost"}}`

// TestAgentRefuses: what the agent does not like ends it, with the reason in its log.
func TestAgentRefuses(t *testing.T) {
	for _, version := range []string{FlightctlV10, FlightctlV12} {
		agent := NewAgent(t, version, fstest.MapFS{"etc/flightctl/config.yaml": {Data: []byte("status-update-interval: 1s\n")}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if !agent.Ended(ctx) || !strings.Contains(agent.Log(), "status-update-interval") && !strings.Contains(agent.Log(), "enrollment") {
			t.Errorf("%s: %s", version, agent.Log())
		}
	}
}

// yamlKeys returns the paths of all keys, sorted.
func yamlKeys(t *testing.T, b []byte) (keys []string) {
	t.Helper()
	var root map[string]any
	if err := yaml.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for k, v := range m {
			keys = append(keys, prefix+k)
			if sub, ok := v.(map[string]any); ok {
				walk(prefix+k+".", sub)
			}
		}
	}
	walk("", root)
	slices.Sort(keys)
	return keys
}

// TestFlightControlKilled kills a process that has a service: nothing of it stays.
func TestFlightControlKilled(t *testing.T) {
	if os.Getenv("TESTKIT_VICTIM") != "" {
		f := NewFlightControl(t)
		fmt.Println("ports", f.ports)
		select {}
	}
	Flightctl(t, FlightctlV12, "flightctl-api")      // or the victim builds it
	temp, err := os.MkdirTemp("", "testkit-victim-") // what a killed process cannot remove
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o711); err != nil { // PostgreSQL has another user
		t.Fatal(err)
	}
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFlightControlKilled$")
	victim.Env = append(os.Environ(), "TESTKIT_VICTIM=1", "TMPDIR="+temp)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	var ports [4]int
	lines := bufio.NewScanner(out)
	for ports[0] == 0 && lines.Scan() {
		_, _ = fmt.Sscanf(lines.Text(), "ports [%d %d %d %d]", &ports[0], &ports[1], &ports[2], &ports[3])
	}
	if ports[0] == 0 {
		t.Fatal("the victim has no service")
	}
	for _, port := range ports {
		if err := listening(t.Context(), port); err != nil {
			t.Error(err)
		}
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	for _, port := range ports {
		for deadline := time.Now().Add(20 * time.Second); listening(t.Context(), port) == nil; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("somebody still listens on port %d", port)
			}
		}
	}
}
