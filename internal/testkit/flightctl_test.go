package testkit

import (
	"os/exec"
	"strings"
	"testing"
)

// TestFlightctl builds the programs that say which version they are.
func TestFlightctl(t *testing.T) {
	for _, c := range []struct{ version, name string }{
		{FlightctlV10, "flightctl-agent"},
		{FlightctlV12, "flightctl-agent"},
	} {
		path := Flightctl(t, c.version, c.name)
		out, err := exec.CommandContext(t.Context(), path, "version").CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.version) || strings.Contains(string(out), "unknown") {
			t.Errorf("%s %s says %v\n%s", c.name, c.version, err, out)
		}
	}
}

func TestFlightctlUnknown(t *testing.T) {
	for _, c := range []struct{ version, name, want string }{
		{"v9.9.9", "flightctl-agent", "flightctl-v1.0.0, flightctl-v1.2.0"},
		{FlightctlV12, "flightctl-nonsense", "flightctl-nonsense"},
	} {
		if _, err := MakeFlightctl(t.Context(), c.version, c.name); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.name, c.version, err)
		}
	}
}
