package lint

import (
	"fmt"
	"strings"
)

// Stage is a set of the places that facts come from. A rule says at which of them it can tell something; a finding
// has the one it was made at.
type Stage uint8

const (
	// InSpec is a bootc.Spec or Plan, before the build.
	InSpec Stage = 1 << iota
	// InContainerfile is a Containerfile, ours or anyone's, before the build.
	InContainerfile
	// InRoot is a whole root file system: of an image, or a directory.
	InRoot
	// InLayers are the layers of an image, one by one, with what each hides of those below.
	InLayers
	// InConfig is the config, history and manifest of an image.
	InConfig
	// InUpgrade is an image together with the one it replaces on a device.
	InUpgrade
)

var stageNames = []string{"spec", "containerfile", "root", "layers", "config", "upgrade"}

// String returns the names of the stages with commas between: "containerfile,root".
func (s Stage) String() string {
	var names []string
	for i, name := range stageNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// MarshalText writes what String returns.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Stage) UnmarshalText(text []byte) error {
	*s = 0
names:
	for name := range strings.SplitSeq(string(text), ",") {
		for i, known := range stageNames {
			if name == known {
				*s |= 1 << i
				continue names
			}
		}
		return fmt.Errorf("stage %q: want some of %s", name, strings.Join(stageNames, ", "))
	}
	return nil
}
