package diskimage

import (
	"errors"
	"fmt"
	"strings"
)

// Mistakes in a Spec or in BuildOptions are *bootc.FieldError. All other errors are *bootc.OpError, and have one of these in their
// chain where it applies. A cancelled context's error is in the chain as well.
var (
	// ErrNotBootable: the image does not say that it is a bootable one (label containers.bootc=1).
	ErrNotBootable = errors.New("not a bootable container image")
	// ErrPlatform: the image is for another platform, or the place cannot run programs of this one.
	ErrPlatform = errors.New("wrong platform")
	// ErrNoSpace: there is not enough room for the work.
	ErrNoSpace = errors.New("not enough free space")
	// ErrIgnored: the tool says that it leaves out a setting, where upstream goes on and exits with 0.
	ErrIgnored = errors.New("the tool leaves out a setting")
	// ErrStalled: the tool gave no sign of life for BuildOptions.Stall.
	ErrStalled = errors.New("no sign of life")
	// ErrNoDisk: the tool says that all went well, and there is no disk.
	ErrNoDisk = errors.New("the tool made no disk")
)

// ToolError is how the tool failed.
type ToolError struct {
	// Program that failed: the Tool's name, or skopeo, which brings the image into the store.
	Program string
	// ExitCode of the program; 2 is also what the tool exits with on SIGTERM.
	ExitCode int
	// Version as the tool tells it; empty if it did not get that far.
	Version string
	// Pipeline and Stage are what osbuild was at; empty before osbuild began.
	Pipeline, Stage string
	// Message is the tool's own first complaint.
	Message string
	// Tail has the last lines of output, at most 40. Values of secrets are [redacted] there.
	Tail []string
	// Hint says what to do, for failures that are known; else empty.
	Hint string
}

// Error returns what failed, what to do, and the output.
func (e *ToolError) Error() string {
	var b strings.Builder
	b.WriteString(e.Program)
	if e.Stage != "" {
		fmt.Fprintf(&b, " at %s, stage %s", e.Pipeline, e.Stage)
	} else if e.Pipeline != "" {
		fmt.Fprintf(&b, " at %s", e.Pipeline)
	}
	fmt.Fprintf(&b, ": exit status %d", e.ExitCode)
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	for _, line := range e.Tail {
		b.WriteString("\n\t" + line)
	}
	return b.String()
}

// ExitError is what a Runner returns when a step of the job ended with a status that is not 0.
type ExitError struct {
	Program string
	Code    int
}

// Error returns "program: exit status n".
func (e *ExitError) Error() string { return fmt.Sprintf("%s: exit status %d", e.Program, e.Code) }
