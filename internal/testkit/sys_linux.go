package testkit

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// tryLock takes an exclusive lock on f until f is closed, or reports that another has it.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// asUser has cmd run with these ids, which only root can ask for. System V shared memory, which the kernel does not give
// back when a process is killed, dies with a namespace of its own.
func asUser(cmd *exec.Cmd, uid, gid int) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
		Cloneflags: syscall.CLONE_NEWIPC,
	}
}
