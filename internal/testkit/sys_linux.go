package testkit

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// tryLock takes an exclusive lock on f until f is closed, or reports that another has it.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// tether puts cmd into a process group of its own and has the kernel kill it when the thread that starts it ends.
func tether(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
}

// asUser has cmd run with these ids, which only root can ask for. System V shared memory, which the kernel does not give
// back when a process is killed, dies with a namespace of its own.
func asUser(cmd *exec.Cmd, uid, gid int) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
		Cloneflags: syscall.CLONE_NEWIPC,
	}
}

// killGroup kills the process group that tether gave to p.
func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

func mknod(path string, mode uint32, major, minor int64) error {
	return syscall.Mknod(path, mode, int(unix.Mkdev(uint32(major), uint32(minor))))
}

func setxattr(path, name, value string) error {
	return unix.Lsetxattr(path, name, []byte(value), 0)
}
