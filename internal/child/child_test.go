package child_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bootloom/bootloom/internal/child"
)

func TestMain(m *testing.M) {
	if os.Getenv("CHILD_TEST") != "" { // a program with a child, to be killed
		cmd := exec.Command("sleep", "4242")
		if _, err := child.Start(cmd); err != nil {
			os.Exit(1)
		}
		fmt.Println(cmd.Process.Pid)
		select {}
	}
	os.Exit(m.Run())
}

// gone waits for the end of a process; whether somebody has asked for its status does not count.
func gone(pid int) bool {
	for range 200 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

func TestChild(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("process groups and the parent's death are Linux's here")
	}
	start := func(script string) *child.Process {
		t.Helper()
		p, err := child.Start(exec.Command("sh", "-c", script))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := start("exit 3")
	if err := p.Wait(t.Context()); err == nil || err.Error() != "exit status 3" {
		t.Errorf("error %v", err)
	}
	p.Kill() // there is nothing left to kill

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	file := filepath.Join(t.TempDir(), "pid")
	p = start("sleep 4242 & echo $! >" + file + "; sleep 4242")
	if err := p.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	var pid int
	if b, err := os.ReadFile(file); err != nil {
		t.Fatal(err)
	} else if _, err := fmt.Sscan(string(b), &pid); err != nil || !gone(pid) {
		t.Errorf("a child of the child lives on: %d, error %v", pid, err)
	}

	p = start("trap '' TERM; while :; do sleep 0.1; done")
	p.Quit(syscall.SIGTERM, 200*time.Millisecond)
	<-p.Done()
	p = start("trap 'exit 7' TERM; while :; do sleep 0.1; done")
	time.Sleep(200 * time.Millisecond)
	p.Quit(syscall.SIGTERM, time.Minute)
	if p.Err() == nil || p.Err().Error() != "exit status 7" {
		t.Errorf("error %v", p.Err())
	}
	if _, err := child.Start(exec.Command("/nowhere/program")); err == nil {
		t.Error("started what is not there")
	}
}

// TestKilled: what a killed program has started is gone.
func TestKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the parent's death is Linux's here")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CHILD_TEST=1")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	var pid int
	if err == nil {
		_, err = fmt.Fscan(out, &pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil || !strings.Contains(string(b), "4242") {
		t.Fatalf("%q, error %v", b, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if !gone(pid) {
		t.Error("the child outlives its parent")
	}
}
