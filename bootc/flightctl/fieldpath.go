package flightctl

import (
	"errors"

	"github.com/bootloom/bootloom/bootc"
)

// at puts a field before the path of every error in err, also of those that are joined.
func at(field string, err error) error {
	if err == nil {
		return nil
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
