//go:build !linux

package diskimage

import (
	"os"
	"os/exec"

	"github.com/bootloom/bootloom/bootc"
)

func free(string) (int64, bool) { return 0, false }

func tether(*exec.Cmd) {}

func terminate(p *os.Process) error { return p.Kill() }

func killGroup(p *os.Process) error { return p.Kill() }

func detachLoops(string) {}

func hybridCgroups() bool { return false }

func ulimits() []string { return nil }

func emulation(string) bootc.Preflight { return nil }

func kernel() bootc.Preflight { return nil }
