package flightctl

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// LineError says in which line of a file a mistake is. It is the Err of a *bootc.FieldError, whose Path is the key.
type LineError struct {
	Line int   // counted from 1
	Err  error // the cause
}

// Error returns "line N: cause".
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// withoutLines takes the lines out of the errors about a value that lies in a larger file, such as the JSON of a Spec.
func withoutLines(err error) error {
	var errs []error
	for _, e := range bootc.FieldErrors(err) {
		if l, ok := e.Err.(*LineError); ok {
			e = &bootc.FieldError{Path: e.Path, Err: l.Err}
		}
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// merge joins the mistakes in the form of a file, which have their line, with those in its values. A value that could not
// be read is not complained about again.
func merge(form, values error, lines map[string]int) error {
	all := bootc.FieldErrors(form)
	for _, e := range bootc.FieldErrors(values) {
		related := func(other *bootc.FieldError) bool { return within(e.Path, other.Path) || within(other.Path, e.Path) }
		if !slices.ContainsFunc(bootc.FieldErrors(form), related) {
			all = append(all, withLine(e, lines))
		}
	}
	line := func(e *bootc.FieldError) int {
		if l, ok := errors.AsType[*LineError](e); ok {
			return l.Line
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b *bootc.FieldError) int { return cmp.Compare(line(a), line(b)) })
	var errs []error
	for _, e := range all {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// withLine puts the line of the key, or of the one it lies in, before the cause.
func withLine(e *bootc.FieldError, lines map[string]int) *bootc.FieldError {
	for at := e.Path; at != ""; at = parentOf(at) {
		if line, ok := lines[at]; ok {
			return &bootc.FieldError{Path: e.Path, Err: &LineError{line, e.Err}}
		}
	}
	return e
}

// within tells whether a path is that of a key or lies in it.
func within(path, key string) bool {
	rest, ok := strings.CutPrefix(path, key)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[' || key == "")
}

func parentOf(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }
