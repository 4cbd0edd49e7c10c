package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// remove removes a directory in which there may be stores of containers/storage: those mount their directory overlay onto
// itself, and leave it so.
func remove(dir string) error {
	table, err := os.ReadFile("/proc/self/mounts")
	errs := []error{err}
	var mounted []string
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], dir+"/") {
			mounted = append(mounted, f[1])
		}
	}
	slices.Reverse(mounted)
	for _, m := range mounted {
		errs = append(errs, exec.Command("umount", m).Run())
	}
	return errors.Join(append(errs, os.RemoveAll(dir))...)
}
