package testkit

import (
	"context"
	"testing"
)

// The versions of Flight Control whose programs can be built: the Go module proxy serves no others whole. Of 1.0 it is
// only the agent.
const (
	FlightctlV10 = "v1.0.0"
	FlightctlV12 = "v1.2.0"
)

// Flightctl returns the path of a program of Flight Control, built now if the cache does not have it (which takes a minute or
// two, both cores, and the network of the Go module proxy): "flightctl-agent", which is static, "flightctl-api",
// "flightctl-worker", "flightctl-db-migrate", or "flightctl", which is the command line client.
func Flightctl(t testing.TB, version, name string) string {
	t.Helper()
	NeedTool(t, "go")
	path, err := MakeFlightctl(t.Context(), version, name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// MakeFlightctl is Flightctl for programs.
func MakeFlightctl(ctx context.Context, version, name string) (string, error) {
	const module = "github.com/flightctl/flightctl"
	// Without these, a program says that it is version "unknown-".
	set := func(variable, value string) string {
		return " -X " + module + "/pkg/version." + variable + "=" + value
	}
	ldflags := "-s -w" + set("versionFromGit", version) + set("gitTreeState", "clean")
	return buildTool(ctx, "flightctl-"+version, module+"/cmd/"+name, ldflags)
}

// FlightctlEmbedded returns the path of a program that reads the applications which an image brings with the code of the
// agent 1.2: with a root file system as its argument it prints "NAME TYPE" for each, or the agent's error, with status 1.
func FlightctlEmbedded(t testing.TB) string {
	t.Helper()
	NeedTool(t, "go")
	path, err := buildTool(t.Context(), "flightctl-embedded", "github.com/flightctl/flightctl/embedded", "-s -w")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
