package testkit

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/child"
)

//go:embed chroot.sh
var chrootScript string

// A Chroot is a root file system to run programs in. Each run gets a fresh view of it: what a program writes is lost when
// it ends, but for the directories that Binds name. The runs may be concurrent.
type Chroot struct {
	Root string // the root file system; only read
	// Binds are directories and files of this machine by the absolute path that they have inside. They are writable.
	Binds map[string]string
	// Env is the whole environment, "KEY=value". nil for HOME=/root and a PATH.
	Env []string
}

// With returns a Chroot with more binds, as pairs of path inside and path outside.
func (c Chroot) With(pairs ...string) Chroot {
	binds := maps.Clone(c.Binds)
	if binds == nil {
		binds = map[string]string{}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		binds[pairs[i]] = pairs[i+1]
	}
	c.Binds = binds
	return c
}

// Run runs a program and returns what it wrote to standard output and standard error. A status other than 0 is an
// [*exec.ExitError] in the error's chain. When the
// program ends, or ctx does, all that it has started is killed. It needs root.
func (c Chroot) Run(ctx context.Context, argv ...string) (stdout, stderr string, err error) {
	cache, err := CacheDir()
	if err != nil {
		return "", "", err
	}
	// One mount point is enough for all, since each run mounts in a namespace of its own.
	at := filepath.Join(cache, "testkit", "mnt")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return "", "", err
	}
	args := []string{"-c", chrootScript, "chroot.sh", at, c.Root}
	inside := slices.Sorted(maps.Keys(c.Binds)) // parents before what lies in them
	for _, p := range inside {
		args = append(args, p, c.Binds[p])
	}
	args = append(append(args, "--"), argv...)
	cmd := isolated("sh", args...)
	cmd.Env = c.Env
	if cmd.Env == nil {
		cmd.Env = []string{"HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	p, err := child.Start(cmd)
	if err == nil {
		err = p.Wait(ctx)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s%s", strings.Join(argv, " "), err, out.String(), errs.String())
	}
	return out.String(), errs.String(), err
}
