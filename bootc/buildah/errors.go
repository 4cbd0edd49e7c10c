package buildah

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrUntrusted: Options.Policy does not accept the base.
	ErrUntrusted = errors.New("the signature policy does not accept the base image")
	// ErrNoSpace: a disk that the engine needs is full.
	ErrNoSpace = errors.New("no space left on device")
	// ErrClosed: the engine is closed.
	ErrClosed = errors.New("the engine is closed")
	// ErrNotBuiltIn: this program was compiled without what the engine needs; the error names the build tags.
	ErrNotBuiltIn = errors.New("the buildah engine is not part of this program")
)

// StepError says which step of a build failed, and how.
type StepError struct {
	// Stage and Step are indexes into Plan.Containerfile.Stages and its Steps; Step is -1 for the stage's FROM.
	Stage, Step int
	// Features that made the step, as Plan.Origins names them.
	Features []string
	// Instruction is the step as the builder saw it.
	Instruction string
	// ExitCode of the command of a RUN step; 0 if the step failed in another way.
	ExitCode int
	// Tail has the last lines of the step's output, at most 20, among them the last 10 of standard output and of standard
	// error. Values of secrets are [redacted] there.
	Tail []string
	// Err is the cause.
	Err error
}

// Error returns what failed, for whom, and the output.
func (e *StepError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stage %d, %q", e.Stage+1, firstLine(e.Instruction))
	if len(e.Features) > 0 {
		fmt.Fprintf(&b, " (from %s)", strings.Join(e.Features, ", "))
	}
	if e.ExitCode != 0 {
		fmt.Fprintf(&b, ": exit status %d", e.ExitCode)
	} else {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	for _, line := range e.Tail {
		b.WriteString("\n\t" + line)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

func firstLine(s string) string {
	line, rest, _ := strings.Cut(s, "\n")
	if rest != "" {
		line += " …"
	}
	return line
}
