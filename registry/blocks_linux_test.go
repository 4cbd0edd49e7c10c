package registry_test

import (
	"syscall"
	"testing"
)

// blocks is the room that a file takes on disk.
func blocks(t testing.TB, path string) int64 {
	t.Helper()
	var s syscall.Stat_t
	if err := syscall.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks * 512
}
