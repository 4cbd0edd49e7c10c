//go:build !linux

package testkit

import (
	"errors"
	"os"
	"os/exec"
)

// Without flock the worst case is that two processes make the same entry; the rename of the second then fails.
func tryLock(*os.File) (bool, error) { return true, nil }

func tether(*exec.Cmd) {}

func asUser(*exec.Cmd, int, int) {}

func killGroup(p *os.Process) error { return p.Kill() }

func mknod(string, uint32, int64, int64) error { return errors.ErrUnsupported }

func setxattr(string, string, string) error { return errors.ErrUnsupported }
