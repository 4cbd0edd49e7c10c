package lint

import (
	"context"
	"errors"
	"io/fs"

	"github.com/bootloom/bootloom/bootc"
)

// Spec lints a Spec before it is built: it compiles it against what is known of the base, and lints the Plan. What does not
// compile is a finding of rule BL811 with the field that is wrong. The report's Target is the reference of the base. A mistake in
// the Linter is a finding of rule BL004 and fails whatever FailOn says, here as in Plan and Containerfile.
func (l Linter) Spec(s bootc.Spec, base bootc.Base) Report {
	plan, err := s.Compile(base)
	if err == nil {
		return l.plan(plan, &s)
	}
	rules, ruleErr := l.rules()
	if ruleErr != nil {
		return mistaken(s.Base, ruleErr)
	}
	var problems []Finding
	for _, e := range flatten(err) {
		f := Finding{Rule: idSyntax, Stage: InSpec, Message: e.Error()}
		if field, ok := errors.AsType[*bootc.FieldError](e); ok {
			f.Message, f.Source = field.Err.Error(), &Source{Fields: []string{field.Path}}
		}
		problems = append(problems, f)
	}
	return l.run(s.Base, &Facts{Stages: InSpec, Root: &Tree{}, Spec: &s}, rules, problems)
}

// Plan lints a Plan before it is built. The report's Target is the reference of the base.
func (l Linter) Plan(p bootc.Plan) Report { return l.plan(p, nil) }

func (l Linter) plan(p bootc.Plan, s *bootc.Spec) Report {
	rules, err := l.rules()
	if err != nil {
		return mistaken(p.Base.Ref, err)
	}
	low, problems := l.lowerPlan(p, rules)
	f := low.facts()
	f.Stages |= InSpec
	f.Plan, f.Spec = &p, s
	if p.Base.Labels != nil {
		f.Config.inherit(p.Base.Labels)
	}
	return l.run(p.Base.Ref, f, rules, append(problems, low.build.unread...))
}

// lowerPlan prepares the Containerfile of a Plan, as it prints.
func (l Linter) lowerPlan(p bootc.Plan, rules []Rule) (*lowering, []Finding) {
	b, problems := newBuild(Containerfile{Text: []byte(p.Containerfile.String())}, l)
	b.mark(&p)
	low := &lowering{gathering: newGathering(rules, l.Limits), build: b, archives: map[string]bootc.Archive{}}
	for _, a := range p.Archives {
		low.archives[a.Name] = a
	}
	return low, problems
}

// Containerfile lints a Containerfile, ours or anyone's, before it is built. Mistakes in it are findings of rule BL811,
// and do not keep the rest of it from being looked at.
func (l Linter) Containerfile(c Containerfile) Report {
	rules, err := l.rules()
	if err != nil {
		return mistaken(c.Name, err)
	}
	b, problems := newBuild(c, l)
	low := &lowering{gathering: newGathering(rules, l.Limits), build: b, context: c.Context}
	f := low.facts()
	return l.run(b.Name, f, rules, append(problems, b.unread...))
}

// facts lowers the Containerfile.
func (l *lowering) facts() *Facts {
	l.boundary = true
	l.run()
	return &Facts{
		Stages: InContainerfile, Build: l.build, Layers: l.layers, Root: newTree(l.layers, false), Config: configOfBuild(l.build),
	}
}

// Root lints a root file system: one that is mounted, or a directory that was made for one. name is what the report
// calls it. Every file counts as derived, since nobody can tell which come from the base. The error is for a root that
// cannot be read at all, and for mistakes in the Linter. For a directory of this machine take Dir, which is faster and is
// not led out of it by links.
func (l Linter) Root(ctx context.Context, name string, root fs.FS) (Report, error) {
	return l.root(name, func(g *gatherer) error { return g.readFS(ctx, root) })
}

// Dir lints a directory of this machine as a root file system, such as an image that is mounted. It is Root, but reads with
// all processors, and never through a symbolic link.
func (l Linter) Dir(ctx context.Context, dir string) (Report, error) {
	return l.root(dir, func(g *gatherer) error { return g.readDisk(ctx, dir, false) })
}

func (l Linter) root(name string, read func(*gatherer) error) (Report, error) {
	rules, err := l.rules()
	if err != nil {
		return Report{}, err
	}
	layer := &Layer{stage: InRoot}
	g := newGathering(rules, l.Limits).layer(layer)
	if err := read(g); err != nil {
		return Report{}, &bootc.OpError{Op: "lint", Ref: name, Err: err}
	}
	g.done()
	layers := []*Layer{layer}
	f := &Facts{Stages: InRoot, Layers: layers, Root: newTree(layers, !g.full)}
	return l.run(name, f, rules, nil), nil
}

// mistaken is a report about a Linter that makes no sense. It fails, whatever FailOn says.
func mistaken(target string, err error) Report {
	r := Report{Target: target}
	for _, e := range flatten(err) {
		r.Findings = append(r.Findings, Finding{Rule: idUnreadable, Slug: "unreadable", Severity: Error, Message: "the Linter: " + e.Error()})
	}
	return r
}
