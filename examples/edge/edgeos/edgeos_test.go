package edgeos_test

import (
	"testing"

	"github.com/bootloom/bootloom/examples/edge/edgeos"
	"github.com/bootloom/bootloom/internal/linttest"
)

func TestLint(t *testing.T) {
	linttest.Clean(t, edgeos.Spec, linttest.Options{})
}
