package bootc_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// TestFieldErrors wants every mistake, however the error that joins them is wrapped, and a mistake that has another in it once.
func TestFieldErrors(t *testing.T) {
	a, b, c := bootc.Errorf("A", "wrong"), bootc.Errorf("B", "wrong"), bootc.Errorf("C", "wrong: %w", bootc.Errorf("Inner", "wrong"))
	for name, test := range map[string]struct {
		err  error
		want []*bootc.FieldError
	}{
		"nil":            {nil, nil},
		"no mistake":     {errors.New("no network"), nil},
		"one":            {a, []*bootc.FieldError{a}},
		"joined":         {errors.Join(a, errors.New("no network"), errors.Join(b, c)), []*bootc.FieldError{a, b, c}},
		"of a build":     {&bootc.OpError{Op: "build", Ref: "edge", Err: errors.Join(a, b)}, []*bootc.FieldError{a, b}},
		"wrapped":        {fmt.Errorf("edge: %w", &bootc.OpError{Op: "compile", Err: errors.Join(a, fmt.Errorf("also %w and %w", b, c))}), []*bootc.FieldError{a, b, c}},
		"one within one": {c, []*bootc.FieldError{c}},
	} {
		if got := bootc.FieldErrors(test.err); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
