package diskimage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"
)

// process runs a program of this machine to its end, and hands out its output line by line: standard output too, unless stdout
// takes it. When ctx ends, stop is called first; then the program and its children are asked to end, and after grace are made
// to. A status that is not 0 is an *exec.ExitError.
func process(ctx context.Context, cmd *exec.Cmd, stdout io.Writer, line func(string), stop func()) error {
	tether(cmd)
	var mu sync.Mutex
	out, errs := &lines{to: line, mu: &mu}, &lines{to: line, mu: &mu}
	cmd.Stdout, cmd.Stderr = stdout, errs
	if stdout == nil {
		cmd.Stdout = out
	}
	done := make(chan error, 1)
	started := make(chan error, 1)
	go func() {
		// The kernel ties the child to the thread that starts it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd.WaitDelay = 5 * time.Second // grandchildren that keep the pipes open do not keep Wait
		err := cmd.Start()
		started <- err
		if err == nil {
			done <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		if stop != nil {
			stop()
		}
		err = end(cmd, done)
	}
	out.flush()
	errs.flush()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, exec.ErrWaitDelay) { // it has ended well, a grandchild of it lives on
		err = nil
	}
	return err
}

// apart runs a step by argv with mounts and processes of its own, which end with it, and what else own asks unshare(1) for.
func apart(ctx context.Context, j Job, s Step, own, argv []string) error {
	argv = slices.Concat([]string{"--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"}, own, argv)
	err := process(ctx, exec.Command("unshare", argv...), s.Stdout, j.Line, nil)
	if e, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		return &ExitError{s.Program, e.ExitCode()}
	}
	return err
}

const grace = 15 * time.Second

func end(cmd *exec.Cmd, done chan error) error {
	_ = terminate(cmd.Process)
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
	}
	_ = killGroup(cmd.Process)
	return <-done
}

// lines is a writer that hands out lines without their newlines, each at most maxLine bytes long.
type lines struct {
	to  func(string)
	mu  *sync.Mutex
	buf []byte
}

func newLines(to func(string)) *lines { return &lines{to: to, mu: &sync.Mutex{}} }

// Write never fails.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		part := p
		if i >= 0 {
			part = p[:i]
		}
		if room := maxLine - len(l.buf); len(part) > room {
			part = part[:room]
		}
		l.buf = append(l.buf, part...)
		if i < 0 {
			return n, nil
		}
		l.to(string(l.buf))
		l.buf = l.buf[:0]
		p = p[i+1:]
	}
}

// flush hands out a last line that has no newline.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf) > 0 {
		l.to(string(l.buf))
		l.buf = nil
	}
}
