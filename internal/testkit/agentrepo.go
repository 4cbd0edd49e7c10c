package testkit

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"testing"
)

var (
	//go:embed agentrepo.go
	agentRecipe string
	//go:embed agentrepo.sh
	agentScript string
)

// AgentRepo returns a directory that is an RPM repository with the Flight Control agent, for builds on the [DNF] base. Its
// packages are not signed (gpgcheck=0):
//
//   - flightctl-agent 1.0.0, 1.2.0 and 1.3.0 with flightctl-selinux, and flightctl-greenboot 1.3.0: the real program, with
//     files, requirements and scriptlets as upstream's packages of these versions have them: a user flightctl that
//     %post makes (1.2, 1.3), greenboot required (1.2) or recommended (1.3), the update timer of bootc masked by the agent's
//     package (1.2), by flightctl-greenboot (1.3) or by nobody (1.0)
//   - greenboot, which runs the required checks and rolls nothing back
//   - bootc, which has the update timer, enabled, and a program that shows /run/bootc/status.json
//   - bootloom-device, without files, which provides what the base has but rpm does not know of
//
// The module proxy serves no 1.3: the package of that version has the program of 1.2.0. The SELinux module is empty.
//
// It is made once, in the base, and shared: read-only.
func AgentRepo(t testing.TB) string {
	t.Helper()
	NeedRoot(t)
	NeedTool(t, "go", "mmdebstrap", "unshare")
	dir, err := MakeAgentRepo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// MakeAgentRepo is AgentRepo for programs.
func MakeAgentRepo(ctx context.Context) (string, error) {
	root, err := MakeRoot(ctx, DNF)
	if err != nil {
		return "", err
	}
	build := Chroot{Root: root}
	parts := []string{agentRecipe, agentScript, root}
	for _, version := range []string{FlightctlV10, FlightctlV12} {
		agent, err := MakeFlightctl(ctx, version, "flightctl-agent")
		if err != nil {
			return "", err
		}
		build = build.With("/agents/"+version, agent)
		parts = append(parts, agent)
	}
	dir, err := cached(ctx, "agent-rpms", key(parts...), func(ctx context.Context, dir string) ([]string, error) {
		repo := filepath.Join(dir, "repo")
		if err := os.Mkdir(repo, 0o755); err != nil {
			return nil, err
		}
		if _, _, err := build.With("/repo", repo).Run(ctx, "sh", "-c", agentScript); err != nil {
			return nil, err
		}
		return regularFiles(dir)
	})
	return filepath.Join(dir, "repo"), err
}
