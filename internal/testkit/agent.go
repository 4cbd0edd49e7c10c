package testkit

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/bootloom/bootloom/internal/child"
)

// An Agent is a real flightctl-agent that runs on this machine, with a directory in place of the root file system, as an
// ordinary user (nobody, if the test is root). It is the cheapest way to ask the agent itself what it makes of a
// configuration. It finds no other programs than uptime, uname and sh, and what its root has in usr/bin.
type Agent struct {
	Root string // the directory

	process *child.Process
	log     string
}

// NewAgent starts the agent of a version on a copy of root, which has for instance etc/flightctl/config.yaml and an executable
// usr/lib/flightctl/custom-info.d/site. It lives as long as the test, or ends by itself if it does not like its
// configuration: see [Agent.Log].
func NewAgent(t testing.TB, version string, root fs.FS) *Agent {
	t.Helper()
	Flightctl(t, version, "flightctl-agent") // for its own needs
	NeedTool(t, "uptime", "uname")
	a, err := StartAgent(t.Context(), version, root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tail(a.Log(), 8000))
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// StartAgent is NewAgent for programs, which must Close it.
func StartAgent(ctx context.Context, version string, root fs.FS) (*Agent, error) {
	program, err := MakeFlightctl(ctx, version, "flightctl-agent")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "testkit-agent-")
	if err != nil {
		return nil, err
	}
	a := &Agent{Root: filepath.Join(dir, "root"), log: filepath.Join(dir, "agent.log")}
	if err := a.start(ctx, dir, program, root); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return a, nil
}

func (a *Agent) start(ctx context.Context, dir, program string, root fs.FS) error {
	// The cache may be where only root can go.
	mine := filepath.Join(dir, "flightctl-agent")
	err := errors.Join(os.CopyFS(a.Root, root), copyFile(mine, program, 0o755), os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	for _, name := range []string{"uptime", "uname", "sh"} {
		tool, e := lookTool(name)
		err = errors.Join(err, e, os.Symlink(tool, filepath.Join(dir, "bin", name)))
	}
	// Without these the agent waits most of a minute for a default route, and does not know this boot from another.
	for _, name := range []string{"proc/net/route", "proc/net/ipv6_route", "proc/sys/kernel/random/boot_id"} {
		to := filepath.Join(a.Root, name)
		if _, e := os.Lstat(to); e != nil {
			err = errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), copyFile(to, "/"+name, 0o644))
		}
	}
	if err != nil {
		return err
	}
	cmd := exec.Command(mine)
	cmd.Dir = a.Root
	cmd.Env = []string{"FLIGHTCTL_TEST_ROOT_DIR=" + a.Root, "HOME=" + a.Root, "PATH=" + filepath.Join(a.Root, "usr/bin") + ":" + filepath.Join(dir, "bin")}
	if os.Geteuid() == 0 {
		if err := giveToNobody(cmd, dir); err != nil {
			return err
		}
	}
	a.process, err = daemon(ctx, dir, "agent", cmd, func(context.Context) error { return nil })
	return err
}

// giveToNobody has cmd run as the user nobody, to whom dir then belongs.
func giveToNobody(cmd *exec.Cmd, dir string) error {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	gid, err2 := strconv.Atoi(nobody.Gid)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	asUser(cmd, uid, gid)
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
}

// Log returns what the agent has logged.
func (a *Agent) Log() string {
	b, _ := os.ReadFile(a.log)
	return string(b)
}

// Ended waits until the agent has ended by itself, for as long as ctx lasts, and says whether it has.
func (a *Agent) Ended(ctx context.Context) bool {
	select {
	case <-a.process.Done():
		return true
	case <-ctx.Done():
		return false
	}
}

// Close ends the agent and removes its directory.
func (a *Agent) Close() error {
	a.process.Quit(syscall.SIGTERM, 5*time.Second)
	return os.RemoveAll(filepath.Dir(a.Root))
}

func copyFile(to, from string, mode fs.FileMode) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, b, mode), os.Chmod(to, mode))
}
