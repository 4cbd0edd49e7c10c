//go:build !linux

package lint_test

import "testing"

// Layers are written to directories on Linux only.
func (c *testCase) onDisk() bool                   { return false }
func (c *testCase) dir(t testing.TB, _ int) string { panic("not on this system") }
func (c *testCase) merged(t testing.TB) string     { panic("not on this system") }
