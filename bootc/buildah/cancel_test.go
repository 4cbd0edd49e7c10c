//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
)

// TestCancel interrupts a RUN that would sleep for a year, and that has processes which ignore signals.
func TestCancel(t *testing.T) {
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	p := plan(base, files(), sh("trap '' TERM INT HUP; (setsid sleep "+sleeper+" &); echo asleep; sleep "+sleeper))
	for name, c := range map[string]struct {
		cancel func(context.Context) (context.Context, context.CancelFunc)
		want   error
	}{
		"canceled": {context.WithCancel, context.Canceled},
		"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 3*time.Second)
		}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := c.cancel(t.Context())
			defer cancel()
			var at time.Time
			if d, ok := ctx.Deadline(); ok {
				at = d
			}
			_, err := e.Build(ctx, p, bootc.BuildOptions{OnEvent: func(ev bootc.Event) {
				if ev.Text == "asleep" && at.IsZero() {
					at = time.Now()
					cancel()
				}
			}})
			late := time.Since(at)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if at.IsZero() || late > 3*time.Second {
				t.Errorf("returned %v after the end of the context", late)
			}
			t.Logf("returned after %v: %v", late, err)
			left(t, e)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Build(ctx, p, bootc.BuildOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
	if _, err := e.Build(t.Context(), plan(base, files()), bootc.BuildOptions{}); err != nil {
		t.Errorf("next build: %v", err)
	}
}

// TestKill kills a whole program at several points of its build. The next Open removes what it owned.
func TestKill(t *testing.T) {
	root := t.TempDir()
	other := openAt(t, root, nil)
	base := inspect(t, other, tinyRef(t))
	for _, at := range []time.Duration{50, 150, 300, 450, 600, 800, 1500} {
		cmd := child(t, "build", root, base.Ref, "echo hello > /usr/lib/x; sleep "+sleeper)
		time.Sleep(at * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		waitDead(t, root)
		e := openAt(t, root, nil)
		left(t, e)
		if t.Failed() {
			t.Fatalf("killed after %v ms", int64(at))
		}
	}
	if _, err := other.Build(t.Context(), plan(base, files()), bootc.BuildOptions{}); err != nil {
		t.Errorf("next build: %v", err)
	}
}

// waitDead waits for the kernel to end what a killed program started: that takes it a moment.
func waitDead(t *testing.T, root string) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(root, "root", "sessions", "[^.]*"))
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for begin := time.Now(); syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil; time.Sleep(5 * time.Millisecond) {
			if time.Since(begin) > 3*time.Second {
				t.Fatalf("a process of the program that was killed is alive: %v", processes(root))
			}
		}
	}
}

// TestSweepSparesTheLiving opens engines while a build of another process runs: it must not notice.
func TestSweepSparesTheLiving(t *testing.T) {
	root := t.TempDir()
	base := inspect(t, openAt(t, root, nil), tinyRef(t))
	living := child(t, "build", root, base.Ref, "echo begun; sleep 4; echo ended > /usr/lib/x")
	dead := child(t, "build", root, base.Ref, "echo other; sleep "+sleeper)
	time.Sleep(1500 * time.Millisecond)
	dead.Process.Kill()
	dead.Wait()
	for range 3 {
		openAt(t, root, nil)
	}
	if err := living.Wait(); err != nil {
		t.Errorf("the build that was alive: %v\n%s", err, living.Stderr)
	}
	left(t, openAt(t, root, nil))
}

// TestConcurrent builds in two goroutines and two processes on one store at once.
func TestConcurrent(t *testing.T) {
	root := t.TempDir()
	e := openAt(t, root, nil)
	ref := tinyRef(t)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			base, err := e.Inspect(t.Context(), ref, bootc.BuildOptions{Pull: bootc.PullAlways})
			if err == nil {
				_, err = e.Build(t.Context(), plan(base, files(), sh(fmt.Sprintf("echo %d > /usr/lib/x", i))), bootc.BuildOptions{})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 2 {
		cmd := child(t, "build", root, ref, fmt.Sprintf("echo process %d > /usr/lib/x", i))
		wg.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Errorf("process: %v\n%s", err, cmd.Stderr)
			}
		})
	}
	wg.Wait()
	left(t, e)
}

// child starts this test program again as a program of its own, which does what TestMain has under the name.
func child(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BOOTLOOM_TEST_CHILD="+strings.Join(args, "\x1f"))
	cmd.Stderr = &strings.Builder{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

func TestMain(m *testing.M) {
	args := strings.Split(os.Getenv("BOOTLOOM_TEST_CHILD"), "\x1f")
	var err error
	switch args[0] {
	case "":
		os.Exit(m.Run())
	case "build":
		err = buildChild(args[1], args[2], args[3])
	case "poisoned":
		err = poisoned(args[1], args[2])
	case "subids":
		err = subids(args[1])
	case "rootless":
		err = rootless(args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func buildChild(root, ref, line string) error {
	e, err := buildah.Open(buildah.Options{Root: root + "/root", RunRoot: root + "/run", SkipLint: true, NoDirect: true})
	if err != nil {
		return err
	}
	defer e.Close()
	ctx := context.Background()
	base, err := e.Inspect(ctx, ref, bootc.BuildOptions{})
	if err != nil {
		return err
	}
	_, err = e.Build(ctx, plan(base, files(), sh(line)), bootc.BuildOptions{})
	return err
}

func testContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 2*time.Minute)
}

// cancelAsleep cancels a build in a RUN that sleeps.
func cancelAsleep(e *buildah.Engine, base bootc.Base) error {
	ctx, cancel := testContext()
	defer cancel()
	var at time.Time
	_, err := e.Build(ctx, plan(base, files(), sh("chown 33 /usr/lib; echo asleep; sleep "+sleeper)), bootc.BuildOptions{OnEvent: func(ev bootc.Event) {
		if ev.Text == "asleep" {
			at = time.Now()
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("canceled: %w", err)
	}
	if d := time.Since(at); d > 3*time.Second {
		return fmt.Errorf("returned %v after the cancel", d)
	}
	return nil
}
