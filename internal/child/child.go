// Package child runs programs that never outlive this one.
package child

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// Process is a running program that ends with this one at the latest, also if this one is killed (on Linux).
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; valid when done is closed
}

// Start starts cmd, in a process group of its own. The kernel ties the child to the thread that starts it, so one thread
// stays reserved for as long as the child lives.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
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

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the process has ended, as exec.Cmd.Wait has it. It may be asked when Done is closed.
func (p *Process) Err() error { return p.err }

// Kill ends the process with its children, and returns when it is gone.
func (p *Process) Kill() {
	select {
	case <-p.done: // its number may be another process's by now
	default:
		_ = killGroup(p.cmd.Process)
		<-p.done
	}
}

// Quit asks the process to end, and kills it if it has not after the grace.
func (p *Process) Quit(signal os.Signal, grace time.Duration) {
	_ = p.cmd.Process.Signal(signal) // fails if it is gone
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
}

// Wait returns when the process has ended, or has been killed because ctx has.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		p.Kill()
		return ctx.Err()
	}
}
