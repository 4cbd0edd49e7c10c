package child

import (
	"os"
	"os/exec"
	"syscall"
)

// tether puts cmd into a process group of its own and has the kernel kill it when the thread that starts it ends.
func tether(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
}

// killGroup kills the process group that tether gave to p.
func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
