//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// stepMap leads from the builder's count of instructions to the steps of a plan: comments are steps but no
// instructions, and raw text may hold several.
type stepMap struct {
	steps   [][]int // by stage and node-1: index of the step
	first   []int   // number of the stage's FROM
	total   int
	origins map[[2]int][]string
}

func mapSteps(p bootc.Plan) stepMap {
	m := stepMap{origins: map[[2]int][]string{}}
	for _, o := range p.Origins {
		m.origins[[2]int{o.Stage, o.Step}] = o.Features
	}
	for _, s := range p.Containerfile.Stages {
		var nodes []int
		for i, step := range s.Steps {
			nodes = append(nodes, slices.Repeat([]int{i}, instructions(step))...)
		}
		m.first = append(m.first, m.total+1)
		m.total += 1 + len(nodes)
		m.steps = append(m.steps, nodes)
	}
	return m
}

// place is the plan's step for an instruction, -1 for the stage's FROM.
func (m stepMap) place(stage, node int) (int, []string) {
	if stage < 0 || stage >= len(m.steps) || node < 1 || node > len(m.steps[stage]) {
		return -1, nil
	}
	step := m.steps[stage][node-1]
	return step, m.origins[[2]int{stage, step}]
}

// number counts instructions over all stages, FROM included.
func (m stepMap) number(stage, node int) int {
	if stage < 0 || stage >= len(m.first) {
		return 0
	}
	return m.first[stage] + node
}

func instructions(s containerfile.Step) int {
	switch s := s.(type) {
	case containerfile.Comment:
		return 0
	case containerfile.Raw:
		src, err := containerfile.Parse("", strings.NewReader("FROM scratch\n"+string(s)+"\n"))
		if err != nil || len(src.File.Stages) != 1 {
			return 1
		}
		n := 0
		for _, step := range src.File.Stages[0].Steps {
			n += instructions(step)
		}
		return n
	}
	return 1
}
