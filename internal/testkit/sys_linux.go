package testkit

import (
	"os/exec"
	"syscall"
)

// asUser has cmd run with these ids, which only root can ask for. System V shared memory, which the kernel does not give
// back when a process is killed, dies with a namespace of its own.
func asUser(cmd *exec.Cmd, uid, gid int) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
		Cloneflags: syscall.CLONE_NEWIPC,
	}
}
