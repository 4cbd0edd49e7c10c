package boottest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/child"
)

// Why a machine is not what was waited for.
var (
	// ErrPanic: the kernel panicked.
	ErrPanic = errors.New("kernel panic")
	// ErrEmergency: the system, or its initramfs, gave up and opened the emergency shell.
	ErrEmergency = errors.New("the system is in its emergency mode")
	// ErrOff: the machine is off.
	ErrOff = errors.New("the machine is off")
)

// VM is a machine that was booted. It may be used by several goroutines; scripts take turns.
type VM struct {
	machine Machine
	name    string
	dir     string
	process *child.Process
	console *console
	agent   *agent
	errors  *bytes.Buffer // of QEMU itself; to be read when it has ended
	ports   map[int]int

	cancel  context.CancelFunc
	ctx     context.Context
	stopped sync.Once
	cleaned error
}

// Boot starts a machine and returns at once: WaitUnit, WaitLog and Run wait for what they need. The machine ends with Stop,
// with ctx, after Machine.Timeout, or by itself. Mistakes in m are *bootc.FieldError; what the host lacks is ErrPreflight.
func (m Machine) Boot(ctx context.Context) (*VM, error) {
	name := m.Disk + m.Image.Location + m.Root
	vm, err := m.boot(ctx, name)
	if err != nil {
		return nil, &bootc.OpError{Op: "boot", Ref: name, Err: err}
	}
	return vm, nil
}

func (m Machine) boot(ctx context.Context, name string) (vm *VM, err error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if err := m.Preflight(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(m.TempDir, "bootloom-boot-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if m.Timeout == 0 {
		m.Timeout = 10 * time.Minute
	}
	vm = &VM{machine: m, name: name, dir: dir, console: newConsole(m.OnEvent), agent: newAgent(), errors: &bytes.Buffer{}, ports: map[int]int{}}
	if err := vm.prepare(ctx); err != nil {
		return nil, err
	}
	args, err := vm.arguments()
	if err != nil {
		return nil, err
	}
	qemu, err := lookTool("qemu-system-x86_64")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", vm.socket())
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(qemu, args...)
	cmd.Stdout, cmd.Stderr = vm.console, vm.errors
	cmd.Env = append(os.Environ(), "TMPDIR="+dir) // where it puts what is thrown away
	if vm.process, err = child.Start(cmd); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	vm.ctx, vm.cancel = context.WithTimeoutCause(ctx, m.Timeout, fmt.Errorf("%w: it had %s", context.DeadlineExceeded, m.Timeout))
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			vm.agent.serve(conn)
			conn.Close()
		}
	}()
	go func() {
		_ = vm.process.Wait(vm.ctx)
		listener.Close()
		os.RemoveAll(dir)
	}()
	return vm, nil
}

func (v *VM) socket() string { return filepath.Join(v.dir, "agent") }

// Stop turns the machine off as by its switch. It returns when nothing of it is left, and may be called again.
func (v *VM) Stop() error {
	v.stopped.Do(func() {
		v.cancel()
		v.process.Kill()
		v.cleaned = os.RemoveAll(v.dir)
	})
	return v.cleaned
}

// PowerOff shuts the system down and waits for the machine to go off.
func (v *VM) PowerOff(ctx context.Context) error {
	if _, err := v.Run(ctx, "systemctl --no-block poweroff"); err != nil && !errors.Is(err, ErrOff) {
		return err
	}
	return v.Wait(ctx)
}

// Wait waits for the machine to go off by itself: a panic and the end of its time are errors.
func (v *VM) Wait(ctx context.Context) error {
	select {
	case <-v.process.Done():
	case <-ctx.Done():
		return v.failed(ctx.Err())
	}
	if err := v.gone(); err != ErrOff { // with a reason it did not go by itself
		return v.failed(err)
	}
	return nil
}

// Serial is what came from the serial console until now, without escape sequences.
func (v *VM) Serial() string { return v.console.String() }

// Addr is where this host reaches a port of Machine.Forward, 127.0.0.1:port; empty for another one.
func (v *VM) Addr(port int) string {
	if p, ok := v.ports[port]; ok {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(p))
	}
	return ""
}

// gone is why the machine is off, nil while it is on.
func (v *VM) gone() error {
	select {
	case <-v.process.Done():
	default:
		return nil
	}
	serial := v.Serial()
	switch {
	case strings.Contains(serial, "Kernel panic"):
		return ErrPanic
	case v.ctx.Err() != nil:
		return fmt.Errorf("%w: %w", context.Cause(v.ctx), ErrOff)
	case v.process.Err() != nil:
		return fmt.Errorf("%w: QEMU: %w: %s", ErrOff, v.process.Err(), tail(v.errors.String(), 5))
	}
	return ErrOff
}

// trouble is why there is no use in waiting.
func (v *VM) trouble() error {
	if err := v.gone(); err != nil {
		return err
	}
	serial := v.Serial()
	for _, sign := range []string{"You are in emergency mode", "Entering emergency mode", "Generating \"/run/initramfs/rdsosreport.txt\""} {
		if strings.Contains(serial, sign) {
			return ErrEmergency
		}
	}
	return nil
}

// failed is an error about the machine, with the end of the console.
func (v *VM) failed(err error) error {
	return &bootc.OpError{Op: "boot", Ref: v.name, Err: fmt.Errorf("%w; the end of the serial console:\n%s", err, tail(v.Serial(), 30))}
}
