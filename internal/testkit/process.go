package testkit

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"

	"github.com/bootloom/bootloom/internal/child"
)

// run runs cmd to its end and returns its output (standard error only, if cmd.Stdout is set), which is part of the
// error as well. what names the command in the error.
func run(ctx context.Context, what string, cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &out // the same writer as Stdout gets one pipe, so lines stay in order
	p, err := child.Start(cmd)
	if err == nil {
		err = p.Wait(ctx)
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

// tail is the end of a long output.
func tail(s string, n int) string { return s[max(0, len(s)-n):] }
