package direct

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// Obstacle is a step of a plan that cannot be done directly.
type Obstacle struct {
	// Stage and Step are indexes into Plan.Containerfile.Stages and its Steps.
	Stage, Step int
	// Instruction is the first line of the step as a Containerfile has it.
	Instruction string
	// Features that made the step, as Plan.Origins names them.
	Features []string
	// Reason is why.
	Reason string
}

// String returns the instruction, for whom it is, and why it is an obstacle.
func (o Obstacle) String() string {
	text := o.Instruction
	if len(o.Features) > 0 {
		text += " (from " + strings.Join(o.Features, ", ") + ")"
	}
	return text + ": " + o.Reason
}

// ObstacleError is why an engine without Options.Run does not build a plan.
type ObstacleError struct{ Obstacles []Obstacle }

// Error lists the obstacles.
func (e *ObstacleError) Error() string {
	var b strings.Builder
	b.WriteString("the plan cannot be built directly, and Options.Run is not set:")
	for _, o := range e.Obstacles {
		b.WriteString("\n\t" + o.String())
	}
	return b.String()
}

// Obstacles lists the steps of the image's own stage, the last one, that cannot be done directly, in order; none for a
// plan that can be built without running anything. Other stages only matter to steps that copy from them, and those are
// obstacles themselves.
func Obstacles(p bootc.Plan) []Obstacle {
	var out []Obstacle
	stage := len(p.Containerfile.Stages) - 1
	if stage < 0 {
		return nil
	}
	for i, step := range p.Containerfile.Stages[stage].Steps {
		if _, why := toAction(p, i); why != "" {
			out = append(out, Obstacle{stage, i, firstLine(containerfile.Instruction(step)), p.Features(stage, i), why})
		}
	}
	return out
}

// action is what a step of the last stage comes to.
type action struct {
	text    string // of the instruction, for the history
	entries []bootc.Entry
	secret  string            // id of the content of the one entry
	labels  map[string]string // or these
}

// toAction says what a step of the last stage adds, or why it cannot be done directly. A step that adds nothing has
// neither text nor reason.
func toAction(p bootc.Plan, step int) (action, string) {
	stage := len(p.Containerfile.Stages) - 1
	for _, s := range p.SecretEntries {
		if s.Stage == stage && s.Step == step {
			e := s.Entry
			return action{text: "install " + e.Path + " from secret " + s.Secret, entries: []bootc.Entry{e}, secret: s.Secret}, ""
		}
	}
	s := p.Containerfile.Stages[stage].Steps[step]
	text := containerfile.Instruction(s)
	switch s := s.(type) {
	case containerfile.Comment, containerfile.Arg:
		return action{}, ""
	case containerfile.Label:
		a := action{text: text, labels: map[string]string{}}
		for _, pair := range s {
			key, ok := containerfile.Value(pair.Key)
			value, ok2 := containerfile.Value(pair.Value)
			if !ok || !ok2 {
				return action{}, "has words that the builder expands"
			}
			a.labels[key] = value
		}
		return a, ""
	case containerfile.Add:
		i := slices.IndexFunc(p.Archives, func(a bootc.Archive) bool { return slices.Equal(s.Sources, []string{a.Name}) })
		if plain := (containerfile.Add{Sources: s.Sources, Dest: "/"}); i < 0 || !same(s, plain) {
			return action{}, "adds something other than files of the plan"
		}
		return action{text: text, entries: p.Archives[i].Entries}, ""
	case containerfile.Run:
		return action{}, "runs a program of the image"
	}
	return action{}, "is none of ADD, LABEL, ARG and the installation of a secret"
}

func same(a, b containerfile.Step) bool {
	return containerfile.Instruction(a) == containerfile.Instruction(b)
}

func firstLine(s string) string {
	line, _, more := strings.Cut(s, "\n")
	if more {
		line += " …"
	}
	return line
}
