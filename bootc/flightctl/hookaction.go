package flightctl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// HookAction is a command, and when it runs.
type HookAction struct {
	// Run is a program, by path or name, and its arguments: at most 2048 bytes in one line. No shell reads it, but spaces
	// can be quoted in "" and ''; "sh -c '…'" is the way to one. With a condition on a path, ${ Path } is that path, and
	// ${ Files }, ${ CreatedFiles }, ${ UpdatedFiles } and ${ RemovedFiles } are the files below it that changed, with
	// spaces between them; with several such conditions, those of the last.
	Run string `key:"run"`
	// EnvVars are variables, with names in capital letters and values that are not empty. They are all of the command's
	// environment, which has no PATH and no HOME, but for FLIGHTCTL_AGENT_PID, the agent's process, since 1.1. An agent
	// of 1.0 passes on its own environment to a command without EnvVars.
	EnvVars map[string]string `key:"envVars"`
	// WorkDir must exist on the device; the zero value is the agent's.
	WorkDir string `key:"workDir"`
	// Timeout ends the command; the zero value is 10 s.
	Timeout time.Duration `key:"timeout"`
	// If are conditions that must all be met; the zero value is no condition.
	If []HookCondition `key:"if"`
}

// HookCondition is a condition on the files of the specification (Path and Op) or on a reboot (Rebooted). It never is
// about files of the image.
type HookCondition struct {
	// Path of a file, or of a directory with all below it if it ends in "/".
	Path string `key:"path"`
	// Op are the changes that count: Created, Updated, Removed.
	Op []FileOp `key:"op"`
	// Rebooted is whether the update has rebooted the device. In YAML it is the text "rebooted == true".
	Rebooted *bool
}

// FileOp is what a new specification does to a file.
type FileOp string

// The changes to files.
const (
	Created FileOp = "created"
	Updated FileOp = "updated"
	Removed FileOp = "removed"
)

var fileOps = []FileOp{Created, Updated, Removed}

// MarshalJSON writes the agent's keys.
func (a HookAction) MarshalJSON() ([]byte, error) { return asJSON(a) }

// UnmarshalJSON reads what MarshalJSON writes, strictly.
func (a *HookAction) UnmarshalJSON(data []byte) error {
	var read HookAction
	if _, err := decode(data, &read); err != nil {
		return withoutLines(err)
	}
	*a = read
	return nil
}

var rebooted = lazyregexp.New(`^\s*rebooted\s*==\s*(true|false)\s*$`)

// decodeNode reads a condition, which is text or keys with values.
func (c *HookCondition) decodeNode(d *decoder, path string, n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		return false
	}
	m := rebooted.FindStringSubmatch(n.Value)
	if m == nil {
		d.fail(path, n, `%s is no condition: it is "rebooted == true", "rebooted == false", or keys path and op`, shown(n.Value))
	} else {
		c.Rebooted = new(m[1] == "true")
	}
	return true
}

func (c HookCondition) encodeNode() *yaml.Node {
	if c.Rebooted == nil {
		return nil
	}
	return quotable(fmt.Sprintf("rebooted == %t", *c.Rebooted))
}

// check finds what the agent refuses when the update is on its way, and what never runs.
func (a HookAction) check(stage Stage) error {
	var errs []error
	fail := func(at, format string, args ...any) { errs = append(errs, bootc.Errorf(at, format, args...)) }
	errs = append(errs, at("run", a.checkRun()))
	for _, name := range sortedKeys(a.EnvVars) {
		path := "envVars[" + name + "]"
		switch value := a.EnvVars[name]; {
		case !envName.MatchString(name) || len(name) > 256:
			fail(path, "%s is not a name of capital letters, digits and _", shown(name))
		case name == "FLIGHTCTL_AGENT_PID":
			fail(path, "the agent sets it itself")
		case value == "" || len(value) > 256 || strings.ContainsRune(value, 0):
			fail(path, "its value must have 1 to 256 bytes")
		}
	}
	if a.WorkDir != "" && !cleanPath(strings.TrimSuffix(a.WorkDir, "/")) {
		fail("workDir", "%s is not a clean absolute path", shown(a.WorkDir))
	}
	if a.Timeout < 0 {
		fail("timeout", "%s is negative", a.Timeout)
	}
	for i, c := range a.If {
		errs = append(errs, at(fmt.Sprintf("if[%d]", i), c.check(stage)))
	}
	return errors.Join(errs...)
}

var envName = lazyregexp.New(`^[A-Z_][A-Z0-9_]*$`)

func (c HookCondition) check(stage Stage) error {
	if c.Rebooted != nil {
		if c.Path != "" || len(c.Op) > 0 {
			return bootc.Errorf("", "is on a path and on a reboot: make two conditions of it")
		}
		if *c.Rebooted && (stage == BeforeUpdating || stage == BeforeRebooting) || !*c.Rebooted && stage == AfterRebooting {
			return bootc.Errorf("", "is never met: %s is always with rebooted == %t", stage, !*c.Rebooted)
		}
		return nil
	}
	var errs []error
	if stage == BeforeRebooting || stage == AfterRebooting {
		errs = append(errs, bootc.Errorf("", "is never met: the agent knows no files that changed at %s", stage))
	}
	if !cleanPath(strings.TrimSuffix(c.Path, "/")) && c.Path != "/" {
		errs = append(errs, bootc.Errorf("path", "%s is not a clean absolute path; that of a directory ends in /", shown(c.Path)))
	}
	if len(c.Op) == 0 {
		errs = append(errs, bootc.Errorf("op", "is empty, and never met: it is one or more of %s", list(fileOps)))
	}
	for i, op := range c.Op {
		path := fmt.Sprintf("op[%d]", i)
		if !slices.Contains(fileOps, op) {
			errs = append(errs, bootc.Errorf(path, "%s is none of %s, and never met", shown(string(op)), list(fileOps)))
		} else if slices.Contains(c.Op[:i], op) {
			errs = append(errs, bootc.Errorf(path, "%s is there already", op))
		}
	}
	return errors.Join(errs...)
}
