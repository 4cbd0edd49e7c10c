package bootc

import (
	"errors"
	"slices"
	"strings"
)

// Problem is one thing that a place where something is to be built lacks.
type Problem struct {
	What string // what is missing
	Why  string // what needs it
	Fix  string // what to do
	// Fatal problems make a build fail; others make it slow, or unsafe when the disk is full.
	Fatal bool
	// Is is an error that a PreflightError with the problem matches; nil for none.
	Is error `json:"-"`
}

// String returns "what: why; fix".
func (p Problem) String() string { return p.What + ": " + p.Why + "; " + p.Fix }

// Preflight is what a look at such a place found; nil if it has all that is needed.
type Preflight []Problem

// Err is a *PreflightError with the fatal problems, or nil if there are none.
func (r Preflight) Err() error {
	fatal := slices.DeleteFunc(slices.Clone(r), func(p Problem) bool { return !p.Fatal })
	if len(fatal) == 0 {
		return nil
	}
	return &PreflightError{fatal}
}

// PreflightError is why a build was not begun: the place cannot do it.
type PreflightError struct{ Problems Preflight }

// Error lists the problems.
func (e *PreflightError) Error() string {
	var b strings.Builder
	b.WriteString("it cannot be built here:")
	for _, p := range e.Problems {
		b.WriteString("\n\t" + p.String())
	}
	return b.String()
}

// Is says whether one of the problems is target.
func (e *PreflightError) Is(target error) bool {
	return slices.ContainsFunc(e.Problems, func(p Problem) bool { return p.Is != nil && errors.Is(p.Is, target) })
}
