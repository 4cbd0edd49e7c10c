package lint

import (
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// origin is the Containerfile that an image was built from, read to the bottom; nil if that is not known.
func (l Linter) origin() *lowering {
	var low *lowering
	switch {
	case l.BuiltBy != nil:
		low, _ = l.lowerPlan(*l.BuiltBy, nil)
	case l.BuiltFrom != nil:
		b, _ := newBuild(*l.BuiltFrom, l)
		low = &lowering{gathering: newGathering(nil, l.Limits), build: b, context: l.BuiltFrom.Context}
	default:
		return nil
	}
	low.run()
	return low
}

// locate finds the steps that made the layers, by the image's history. base is how many layers are then known to be the
// base's: those below the first step, if there is a layer for every step; else 0.
func (l *lowering) locate(layers []*Layer) (base int) {
	var steps []*Step
	for _, s := range l.build.Steps {
		if kind(s.Step) != "" && s.InImage {
			steps = append(steps, s)
		}
	}
	first := len(layers)
	for i := len(layers) - 1; i >= 0 && !layers[i].Base && len(steps) > 0; i-- {
		for j := len(steps) - 1; j >= 0; j-- {
			if madeBy(layers[i].CreatedBy, steps[j]) {
				if i == first-1 && j == len(steps)-1 {
					first = i
				}
				layers[i].Step = steps[j]
				steps = steps[:j]
				break
			}
		}
	}
	if len(steps) > 0 || first == len(layers) {
		return 0
	}
	return first
}

// locateFiles finds the places of files, where one layer holds what several steps did.
func (l *lowering) locateFiles(layers []*Layer) {
	for _, made := range l.layers { // the last step that makes a file comes last
		for i := range made.Files {
			locateFile(layers, &made.Files[i])
		}
	}
}

// locateFile notes the place of a file, in the topmost layer that has it.
func locateFile(layers []*Layer, from *File) {
	for i := len(layers) - 1; i >= 0 && !layers[i].Base; i-- {
		f := layers[i].File(from.Path)
		if f == nil {
			continue
		}
		if own := layers[i].Step; own == nil || own == from.Layer.Step {
			m := f.ensure()
			m.step, m.lines, m.fields = from.Layer.Step, from.extra().lines, from.extra().fields
		}
		return
	}
}

// kind is the keyword of a step that may make a layer.
func kind(s containerfile.Step) string {
	switch s.(type) {
	case containerfile.Run:
		return "RUN"
	case containerfile.Copy:
		return "COPY"
	case containerfile.Add:
		return "ADD"
	}
	return ""
}

// madeBy says whether an entry of the history is about the step. Builders write them in their own ways:
//
//	/bin/sh -c #(nop) COPY file:0123… in /etc/x      buildah, docker
//	/bin/sh -c dnf -y install x                      buildah, docker
//	|1 ARG=value /bin/sh -c dnf -y install x         the same, with an ARG
//	COPY a /etc/x # buildkit                         BuildKit
//	RUN /bin/sh -c dnf -y install x # buildkit
func madeBy(created string, s *Step) bool {
	created = strings.TrimSuffix(strings.TrimSpace(created), "# buildkit")
	made, text := "RUN", created
	if _, after, ok := strings.Cut(created, "#(nop)"); ok {
		made, text, _ = strings.Cut(strings.TrimSpace(after), " ")
	} else if word, rest, ok := strings.Cut(created, " "); ok && (word == "RUN" || word == "COPY" || word == "ADD") {
		made, text = word, rest
	}
	if created == "" || made != kind(s.Step) {
		return false
	}
	run, ok := s.Step.(containerfile.Run)
	if !ok {
		return true // files are named by checksums there, so that order has to do
	}
	if _, after, ok := strings.Cut(text, "/bin/sh -c "); ok {
		text = after
	}
	script := run.Line()
	if onlyHeredoc(run) && len(run.Heredocs) > 0 {
		script = run.Heredocs[0].Body
	}
	if run.Exec != nil {
		script = strings.Join(run.Exec, " ")
	}
	want, have := strings.Join(strings.Fields(script), " "), strings.Join(strings.Fields(text), " ")
	return have != "" && (strings.Contains(want, have) || strings.Contains(have, want))
}
