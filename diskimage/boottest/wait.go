package boottest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Run runs a script with /bin/sh as root, as soon as the system has got to basic.target, and waits for it. Its status is no
// error. A script whose ctx ends is killed with all it has started. It needs systemd 256 or newer in the machine.
func (v *VM) Run(ctx context.Context, script string) (Result, error) {
	if err := v.waitAgent(ctx); err != nil {
		return Result{}, err
	}
	r, err := v.agent.run(ctx, script, v.process.Done())
	if err != nil {
		if gone := v.gone(); gone != nil {
			err = gone
		}
		return r, v.failed(err)
	}
	return r, nil
}

// waitAgent waits for the service that runs scripts.
func (v *VM) waitAgent(ctx context.Context) error {
	err := v.wait(ctx, func(string) bool {
		select {
		case <-v.agent.ready:
			return true
		default:
			return false
		}
	}, v.agent.ready)
	if errors.Is(err, context.DeadlineExceeded) && strings.Contains(v.Serial(), "login:") {
		return fmt.Errorf("the system is up, but has not started %s: it takes systemd 256 or newer, and a virtio console: %w", agentUnit, err)
	}
	return err
}

// wait waits until done says so of the serial console. also is closed when it is time to ask again.
func (v *VM) wait(ctx context.Context, done func(serial string) bool, also <-chan struct{}) error {
	for {
		serial, changed := v.console.snapshot()
		if done(serial) {
			return nil
		}
		if err := v.trouble(); err != nil {
			if done(v.Serial()) { // it went off with what was waited for
				return nil
			}
			return v.failed(err)
		}
		select {
		case <-changed:
		case <-also:
			also = nil
		case <-v.process.Done():
		case <-ctx.Done():
			return v.failed(ctx.Err())
		}
	}
}

// WaitLog waits for a line of the serial console that matches a regular expression (package regexp), and returns it. What came
// before counts too. The last line may be one that is not complete, as a prompt is.
func (v *VM) WaitLog(ctx context.Context, expression string) (line string, err error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return "", err
	}
	err = v.wait(ctx, func(serial string) bool {
		for l := range strings.Lines(serial) {
			if re.MatchString(strings.TrimRight(l, "\n")) {
				line = strings.TrimRight(l, "\n")
				return true
			}
		}
		return false
	}, nil)
	if err != nil {
		return "", fmt.Errorf("waiting for a line like %q: %w", expression, err)
	}
	return line, nil
}

// ErrUnitFailed is in the chain of the error about a unit that has failed, or that there is not.
var ErrUnitFailed = errors.New("unit failed")

// WaitUnit waits until a unit is active: a target, a service that runs, a mount; or until a service of Type=oneshot has done its
// work. A unit that fails is an error that has the end of its log.
func (v *VM) WaitUnit(ctx context.Context, unit string) error {
	for {
		r, err := v.Run(ctx, waitScript+quote(unit))
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", unit, err)
		}
		switch strings.TrimSpace(r.Stdout) {
		case "active":
			return nil
		case "failed", "not-found", "masked", "bad-setting", "error":
			log, err := v.Run(ctx, "systemctl status --no-pager --full -n 30 "+quote(unit))
			if err != nil {
				return err
			}
			return fmt.Errorf("%w: %s is %s\n%s", ErrUnitFailed, unit, strings.TrimSpace(r.Stdout), log.Stdout+log.Stderr)
		}
		select {
		case <-ctx.Done(): // the next Run says so
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// waitScript prints what a unit is.
const waitScript = `state() {
	load= active= result= type= ended=
	eval "$(systemctl show -p LoadState -p ActiveState -p Result -p Type -p ExecMainExitTimestampMonotonic -- "$1" |
		sed -n 's/^LoadState=/load=/p; s/^ActiveState=/active=/p; s/^Result=/result=/p; s/^Type=/type=/p; s/^ExecMainExitTimestampMonotonic=/ended=/p')"
	case "$load" in not-found|masked|bad-setting|error) echo "$load"; return;; esac
	if [ "$active" = inactive ] && [ "$type" = oneshot ] && [ "$result" = success ] && [ "${ended:-0}" != 0 ]; then active=active; fi
	echo "$active"
}
state `

// quote quotes a word for the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Journal is the system's log of this boot, in full; args are those of journalctl, such as "-u", "app.service".
func (v *VM) Journal(ctx context.Context, args ...string) (string, error) {
	script := "journalctl -b --no-pager"
	for _, a := range args {
		script += " " + quote(a)
	}
	r, err := v.Run(ctx, script)
	if err == nil && r.Status != 0 {
		err = v.failed(fmt.Errorf("journalctl ended with status %d: %s", r.Status, r.Stderr))
	}
	return r.Stdout, err
}
