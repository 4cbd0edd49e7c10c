package bootc_test

import (
	"errors"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// TestPreflight: only what is fatal is an error.
func TestPreflight(t *testing.T) {
	r := bootc.Preflight{{What: "a", Why: "b", Fix: "c"}}
	if err := r.Err(); err != nil {
		t.Errorf("nothing fatal: %v", err)
	}
	r = append(r, bootc.Problem{What: "x", Why: "y", Fix: "z", Fatal: true})
	pre, ok := errors.AsType[*bootc.PreflightError](r.Err())
	if !ok || len(pre.Problems) != 1 || pre.Error() != "it cannot be built here:\n\tx: y; z" {
		t.Errorf("error is %v", r.Err())
	}
}
