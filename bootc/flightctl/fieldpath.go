package flightctl

import (
	"errors"

	"github.com/bootloom/bootloom/bootc"
)

// at puts a field, if there is one, before the path of every error in err, also of those that are joined.
func at(field string, err error) error {
	if err == nil || field == "" {
		return err
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, at(field, e))
		}
		return errors.Join(errs...)
	}
	if f, ok := err.(*bootc.FieldError); ok {
		if f.Path != "" {
			field += "." + f.Path
		}
		err = f.Err
	}
	return &bootc.FieldError{Path: field, Err: err}
}

// contribution is what a part of a feature contributes, for Draft.Use: so the part's warnings, and what is wrong with its
// secrets, have its field in their paths too.
type contribution func(*bootc.Draft) error

// Contribute calls c.
func (c contribution) Contribute(d *bootc.Draft) error { return c(d) }
