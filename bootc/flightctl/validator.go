package flightctl

import "github.com/bootloom/bootloom/bootc"

type validator struct {
	Check
	errs []error
}

func (v *validator) fail(path string, err error) {
	if err != nil {
		v.errs = append(v.errs, &bootc.FieldError{Path: path, Err: err})
	}
}
