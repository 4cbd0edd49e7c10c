package flightctl

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// Stage is a moment in an update of the device at which the agent runs hooks.
type Stage string

// The stages. The specification's files are those that its config providers bring, not those of the image.
const (
	// BeforeUpdating is before the files of a new specification are written and its image is installed.
	BeforeUpdating Stage = "beforeupdating"
	// AfterUpdating is when all of it is in place: after the reboot, if there was one.
	AfterUpdating Stage = "afterupdating"
	// BeforeRebooting is right before the agent reboots the device.
	BeforeRebooting Stage = "beforerebooting"
	// AfterRebooting is after such a reboot, before AfterUpdating.
	AfterRebooting Stage = "afterrebooting"
)

var stages = []Stage{BeforeUpdating, AfterUpdating, BeforeRebooting, AfterRebooting}

// Hook has the agent run commands at a stage of an update, as a file in /usr/lib/flightctl/hooks.d. The actions of all files
// of a stage run one after the other, in the order of the files' names. One that fails fails the update; one whose
// program the device lacks is skipped without a word. A file of the same name in /etc/flightctl/hooks.d replaces it on
// a device.
type Hook struct {
	// Stage of the update at which the actions run.
	Stage Stage
	// Name of the file without ".yaml", such as "20-app". The agent's own hooks are 00-default of AfterUpdating.
	Name string
	// Actions in their order. In JSON they have the agent's keys: {"run": "systemctl restart app", "timeout": "30s"}.
	Actions []HookAction
}

// Contribute adds the file.
func (h Hook) Contribute(d *bootc.Draft) error {
	errs := []error{checkFileName("Name", h.Name)}
	if !slices.Contains(stages, h.Stage) {
		errs = append(errs, bootc.Errorf("Stage", "%s is none of %s", shown(string(h.Stage)), list(stages)))
	}
	if h.Stage == AfterUpdating && h.Name == "00-default" {
		errs = append(errs, bootc.Errorf("Name", "00-default are the agent's own hooks: take another name to add some, or put a File at /etc/flightctl/hooks.d/afterupdating/00-default.yaml to replace them"))
	}
	if len(h.Actions) == 0 {
		errs = append(errs, bootc.Errorf("Actions", "is empty"))
	}
	for i, a := range h.Actions {
		errs = append(errs, at(fmt.Sprintf("Actions[%d]", i), a.check(h.Stage)))
	}
	data, err := encode(h.Actions, true)
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	return d.Use("", bootc.File{Path: "/usr/lib/flightctl/hooks.d/" + string(h.Stage) + "/" + h.Name + ".yaml", Content: bootc.Bytes(data)})
}

// CheckHooks reads a file of hooks.d, strictly, and checks it for its stage. Errors have the path of the key and the
// line, as those of CheckConfig.
func CheckHooks(data []byte, stage Stage) ([]HookAction, error) {
	var actions []HookAction
	lines, err := decode(data, &actions)
	if lines != nil {
		var errs []error
		for i, a := range actions {
			errs = append(errs, at(fmt.Sprintf("[%d]", i), a.check(stage)))
		}
		err = merge(err, errors.Join(errs...), lines)
	}
	if err != nil {
		return nil, err
	}
	return actions, nil
}

func list[T ~string](all []T) string {
	var out []string
	for _, s := range all {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}
