//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"slices"
	"strconv"

	"github.com/bootloom/bootloom/containerfile"
)

// inOrder lets each stage that the image needs wait for the one before it, so that they are built one after the other. Even
// with one job buildah goes on with another stage while one waits, also in the middle of its steps, and with a stage that
// needs a failed one for as long as the failure is not yet noted (executor.waitForStage of v1.45): nobody would know
// whose step runs, and the build may crash in place of telling what failed. Stages that nothing needs stay so.
func inOrder(f containerfile.File) containerfile.File {
	f.Stages = slices.Clone(f.Stages)
	needed := neededStages(f)
	before := ""
	for i := range f.Stages {
		if !needed[i] {
			continue
		}
		if before != "" {
			f.Stages[i].After = []string{before} // what else it is to come after is before that one
		}
		if before = f.Stages[i].Name; before == "" {
			before = strconv.Itoa(i)
		}
	}
	return f
}

// neededStages are the last stage and all that it needs by any way.
func neededStages(f containerfile.File) map[int]bool {
	needed := map[int]bool{}
	var visit func(int)
	visit = func(stage int) {
		if needed[stage] {
			return
		}
		needed[stage] = true
		for _, ref := range stageRefs(f.Stages[stage]) {
			if other, ok := f.Lookup(ref, stage); ok {
				visit(other)
			}
		}
	}
	visit(len(f.Stages) - 1)
	return needed
}

// stageRefs are the images and stages that a stage names.
func stageRefs(s containerfile.Stage) []string {
	refs := append([]string{s.From}, s.After...)
	for _, step := range s.Steps {
		switch step := step.(type) {
		case containerfile.Copy:
			refs = append(refs, step.From)
		case containerfile.Run:
			for _, m := range step.Mounts {
				refs = append(refs, m.From)
			}
		}
	}
	return refs
}
