package bootc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// FieldError says which part of a Spec is wrong. Path is the Go path from the Spec, such as
// Features[2].Packages.Install[0], so that a caller who has the Spec can find the value.
type FieldError struct {
	Path string
	Err  error
}

// Error returns "path: cause", or the cause of what is wrong as a whole.
func (e *FieldError) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *FieldError) Unwrap() error { return e.Err }

// Errorf makes a FieldError; %w works as in fmt.Errorf.
func Errorf(path, format string, args ...any) *FieldError {
	return &FieldError{Path: path, Err: fmt.Errorf(format, args...)}
}

// OpError says what was done to what when an operation failed.
type OpError struct {
	Op  string // "pull", "build", "commit", "push", "sign", "verify", "tag", …
	Ref string // reference, path or platform the operation was for
	Err error
}

// Error returns "op ref: cause".
func (e *OpError) Error() string {
	if e.Ref == "" {
		return e.Op + ": " + e.Err.Error()
	}
	return e.Op + " " + e.Ref + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// FieldErrors lists every FieldError in err, in order: inside errors.Join, OpError and whatever else wraps or joins errors.
// One that lies in another is not listed beside it. It is nil where no mistake in a Spec is the cause.
func FieldErrors(err error) []*FieldError {
	switch e := err.(type) {
	case nil:
		return nil
	case *FieldError:
		return []*FieldError{e}
	case interface{ Unwrap() error }:
		return FieldErrors(e.Unwrap())
	case interface{ Unwrap() []error }:
		var out []*FieldError
		for _, cause := range e.Unwrap() {
			out = append(out, FieldErrors(cause)...)
		}
		return out
	}
	return nil
}

// within puts prefix before the path of every FieldError in err; other errors become FieldErrors at prefix.
func within(prefix string, err error) []error {
	var out []error
	for _, e := range flatten(err) {
		path := prefix
		if f, ok := e.(*FieldError); ok {
			path, e = joinPath(prefix, f.Path), f.Err
		}
		out = append(out, &FieldError{Path: path, Err: e})
	}
	return out
}

// joinPath joins the parts of a field path that are not empty.
func joinPath(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ".")
}

func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range j.Unwrap() {
			out = append(out, flatten(e)...)
		}
		return out
	}
	return []error{err}
}

func join(errs []error) error { return errors.Join(errs...) }
