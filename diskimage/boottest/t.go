package boottest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// T is a VM in a test: what fails ends the test.
type T struct {
	*VM
	t testing.TB
}

// Start boots a machine that ends with the test. If the test fails it logs the end of the serial console, and keeps all of
// it and the journal among the test's artifacts ("go test -artifacts").
func Start(t testing.TB, m Machine) *T {
	t.Helper()
	vm, err := m.Boot(context.WithoutCancel(t.Context())) // which ends before the clean-up that asks the machine
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			vm.report(t)
		}
		if err := vm.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &T{vm, t}
}

// WaitUnit is VM.WaitUnit.
func (t *T) WaitUnit(unit string) {
	t.t.Helper()
	if err := t.VM.WaitUnit(t.t.Context(), unit); err != nil {
		t.t.Fatal(err)
	}
}

// WaitLog is VM.WaitLog.
func (t *T) WaitLog(expression string) string {
	t.t.Helper()
	line, err := t.VM.WaitLog(t.t.Context(), expression)
	if err != nil {
		t.t.Fatal(err)
	}
	return line
}

// Sh runs a script, which must end with status 0, and returns its standard output.
func (t *T) Sh(script string) string {
	t.t.Helper()
	r, err := t.Run(t.t.Context(), script)
	if err != nil {
		t.t.Fatal(err)
	}
	if r.Status != 0 {
		t.t.Fatalf("status %d of %q\n%s%s", r.Status, script, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// report tells what is known of a machine whose test failed.
func (v *VM) report(t testing.TB) {
	serial := v.Serial()
	t.Logf("the end of the serial console:\n%s", tail(serial, 40))
	dir := t.ArtifactDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Log(err)
		}
	}
	write("serial.log", serial)
	select {
	case <-v.agent.ready:
	default:
		return // nobody to ask
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if journal, err := v.Journal(ctx); err == nil {
		write("journal.log", journal)
	}
	if failed, err := v.Run(ctx, "systemctl --failed --no-legend --plain"); err == nil && failed.Stdout != "" {
		t.Logf("failed units:\n%s", failed.Stdout)
	}
}
