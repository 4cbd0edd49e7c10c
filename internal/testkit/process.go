package testkit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// process is a running program that ends with the test process at the latest, also if that is killed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; valid when done is closed
}

// start starts cmd. The kernel ties the child to the thread that starts it, so one thread stays reserved for as long as
// the child lives.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	tether(cmd)
	// A grandchild that keeps the output pipe open must not keep Wait from returning.
	cmd.WaitDelay = 5 * time.Second
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	return p, <-started
}

// kill ends the process with its children, and returns when it is gone.
func (p *process) kill() {
	select {
	case <-p.done: // its number may be another process's by now
	default:
		_ = killGroup(p.cmd.Process)
		<-p.done
	}
}

// quit asks the process to end, and kills it if it has not after the grace.
func (p *process) quit(signal os.Signal, grace time.Duration) {
	_ = p.cmd.Process.Signal(signal) // fails if it is gone
	select {
	case <-p.done:
	case <-time.After(grace):
		p.kill()
	}
}

// wait returns when the process has ended, or has been killed because ctx has.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		p.kill()
		return ctx.Err()
	}
}

// run runs cmd to its end and returns its output (standard error only, if cmd.Stdout is set), which is part of the
// error as well. what names the command in the error.
func run(ctx context.Context, what string, cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &out // the same writer as Stdout gets one pipe, so lines stay in order
	p, err := start(cmd)
	if err == nil {
		err = p.wait(ctx)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", what, err, out.String())
	}
	return out.String(), err
}

// isolated is a command with mount and process namespaces of its own: killed at any point it leaves neither a mount nor
// a daemon, and whoever cleans up after it never meets the host's /dev in what should be an ordinary directory.
func isolated(name string, args ...string) *exec.Cmd {
	return exec.Command("unshare", append([]string{
		"--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", name,
	}, args...)...)
}
