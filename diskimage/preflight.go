package diskimage

import (
	"slices"
	"strings"
)

// Problem is one thing that a place lacks.
type Problem struct {
	What string // what is missing
	Why  string // what needs it
	Fix  string // what to do
	// Fatal problems make the tool fail; others are warnings.
	Fatal bool

	is error // sentinel that the error matches
}

// String returns "what: why; fix".
func (p Problem) String() string { return p.What + ": " + p.Why + "; " + p.Fix }

// Report is what a Runner's Preflight found; nil if the place has all that is needed.
type Report []Problem

// Err is a *PreflightError with the fatal problems, or nil if there are none.
func (r Report) Err() error {
	var fatal Report
	for _, p := range r {
		if p.Fatal {
			fatal = append(fatal, p)
		}
	}
	if fatal == nil {
		return nil
	}
	return &PreflightError{fatal}
}

// PreflightError is what Build returns for a place where the tool cannot run.
type PreflightError struct{ Problems Report }

// Error lists the problems.
func (e *PreflightError) Error() string {
	var b strings.Builder
	b.WriteString("the tool cannot run there:")
	for _, p := range e.Problems {
		b.WriteString("\n\t" + p.String())
	}
	return b.String()
}

// Is says whether one of the problems is target, such as ErrNoSpace.
func (e *PreflightError) Is(target error) bool {
	return slices.ContainsFunc(e.Problems, func(p Problem) bool { return p.is != nil && p.is == target })
}

// machine finds what this machine lacks for a job.
func machine(j Job) Report {
	r := emulation(j.Platform)
	if !j.Manifest {
		r = append(r, kernel()...)
	}
	if j.Need > 0 {
		if problem := checkSpace(j.Dir, j.Need); problem != nil {
			r = append(r, *problem)
		}
	}
	return r
}
