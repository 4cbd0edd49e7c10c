package direct

import (
	"slices"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// step is a step of the last stage with what it comes to.
type step struct {
	action
	index int
}

// split cuts a plan after the last step that cannot be done directly: head, nil if there is none, is for another engine,
// tail for this one. The head of a plan stays the same when only its tail changes, so that the other engine remembers it.
func split(p bootc.Plan) (head *bootc.Plan, tail []step) {
	last := len(p.Containerfile.Stages) - 1
	steps := p.Containerfile.Stages[last].Steps
	cut := len(steps)
	for ; cut > 0; cut-- {
		a, why := toAction(p, cut-1)
		if why != "" {
			break
		}
		if a.text != "" {
			tail = append(tail, step{a, cut - 1})
		}
	}
	slices.Reverse(tail)
	if cut == 0 && !isStage(p, last) {
		return nil, tail
	}
	h := p
	h.Containerfile.Stages = slices.Clone(p.Containerfile.Stages)
	h.Containerfile.Stages[last].Steps = steps[:cut:cut]
	h.Warnings, h.Spec = nil, ""
	h.Annotations = nil // a head with the same steps is the same image, whatever the whole is called
	h.Origins = slices.DeleteFunc(slices.Clone(p.Origins), func(o bootc.Origin) bool { return o.Stage == last && o.Step >= cut })
	h.SecretEntries = slices.DeleteFunc(slices.Clone(p.SecretEntries), func(s bootc.SecretEntry) bool { return s.Stage == last && s.Step >= cut })
	h.Archives = slices.DeleteFunc(slices.Clone(p.Archives), func(a bootc.Archive) bool { return !adds(h.Containerfile, a.Name) })
	h.Secrets = slices.DeleteFunc(slices.Clone(p.Secrets), func(id string) bool { return !mounts(h.Containerfile, id) })
	return &h, tail
}

// isStage says that the image starts from another stage of the plan.
func isStage(p bootc.Plan, stage int) bool {
	_, ok := p.Containerfile.Lookup(p.Containerfile.Stages[stage].From, stage)
	return ok
}

func adds(f containerfile.File, archive string) bool {
	for _, s := range f.All() {
		if add, ok := s.(containerfile.Add); ok && slices.Contains(add.Sources, archive) {
			return true
		}
	}
	return false
}

// mounts says that a step may use the secret. One that is mounted by its target alone is kept as well.
func mounts(f containerfile.File, id string) bool {
	for _, s := range f.All() {
		if run, ok := s.(containerfile.Run); ok && slices.ContainsFunc(run.Mounts, func(m containerfile.Mount) bool {
			return m.Type == "secret" && (m.ID == id || m.ID == "")
		}) {
			return true
		}
	}
	return false
}
