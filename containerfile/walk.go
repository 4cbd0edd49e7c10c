package containerfile

import (
	"iter"
	"strconv"
)

// Index tells where in a File a step stands.
type Index struct {
	Stage int // into Stages, or Preamble
	Step  int // into the stage's Steps or the Preamble, or FROM
}

const (
	// Preamble as Index.Stage is what stands before the first FROM.
	Preamble = -1
	// FROM as Index.Step is the stage's own FROM.
	FROM = -1
)

// String returns the step's path in the File: stages[1].steps[3], preamble[0], or stages[1] for a FROM.
func (i Index) String() string {
	step := "[" + strconv.Itoa(i.Step) + "]"
	if i.Stage == Preamble {
		return "preamble" + step
	}
	stage := "stages[" + strconv.Itoa(i.Stage) + "]"
	if i.Step == FROM {
		return stage
	}
	return stage + ".steps" + step
}

// All yields every step in file order, the preamble's first, comments too. FROMs are not steps: see Stages.
func (f File) All() iter.Seq2[Index, Step] {
	return func(yield func(Index, Step) bool) {
		for n, s := range f.Preamble {
			if !yield(Index{Preamble, n}, s) {
				return
			}
		}
		for stage := range f.Stages {
			for n, s := range f.Stages[stage].Steps {
				if !yield(Index{stage, n}, s) {
					return
				}
			}
		}
	}
}

// Lookup finds the stage that a FROM, a COPY --from or a mount in stage before means by ref: a name, of which the last
// one counts, or a number. It is false if ref means an image or a named context. Pass len(f.Stages) to look at all.
func (f File) Lookup(ref string, before int) (stage int, ok bool) {
	for i := min(before, len(f.Stages)) - 1; i >= 0; i-- {
		if f.Stages[i].Name == ref && ref != "" {
			return i, true
		}
	}
	n, err := strconv.Atoi(ref)
	return n, err == nil && n >= 0 && n < min(before, len(f.Stages))
}

// Args returns the ARGs that can be used at the step, in the order of their declarations: those before it in its
// stage, after those of the stage that it is FROM, as buildah has it; for the preamble and a FROM those of the preamble
// before. One that a stage declares without a default has the preamble's. The builder's own (TARGETARCH, HTTP_PROXY, …)
// are not listed.
func (f File) Args(at Index) []ArgDecl {
	preamble := f.Preamble
	if at.Stage == Preamble {
		preamble = preamble[:min(at.Step, len(preamble))]
	}
	heading := declared(nil, preamble, nil)
	if at.Stage == Preamble || at.Step == FROM {
		return heading
	}
	steps := f.Stages[at.Stage].Steps
	return f.stageArgs(at.Stage, steps[:min(at.Step, len(steps))], heading)
}

func (f File) stageArgs(stage int, steps []Step, heading []ArgDecl) []ArgDecl {
	var inherited []ArgDecl
	if parent, ok := f.Lookup(f.Stages[stage].From, stage); ok {
		inherited = f.stageArgs(parent, f.Stages[parent].Steps, heading)
	}
	return declared(inherited, steps, heading)
}

// declared adds the ARGs of steps to list; a later declaration takes the place of an earlier one, but keeps its value if it
// has none itself.
func declared(list []ArgDecl, steps []Step, heading []ArgDecl) []ArgDecl {
	find := func(list []ArgDecl, name string) *ArgDecl {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
		return nil
	}
	for _, s := range steps {
		arg, _ := s.(Arg)
		for _, d := range arg {
			if outer := find(heading, d.Name); outer != nil && !d.HasDefault {
				d = *outer
			}
			if old := find(list, d.Name); old == nil {
				list = append(list, d)
			} else if d.HasDefault {
				*old = d
			}
		}
	}
	return list
}
