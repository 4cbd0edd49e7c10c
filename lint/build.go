package lint

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// Containerfile is a Containerfile to lint, or the one that an image was built from.
type Containerfile struct {
	// Name that findings have, such as "Containerfile" or "images/edge/Containerfile".
	Name string
	// Text of the file.
	Text []byte
	// Target is the stage that is built, by name or number; empty for the last one.
	Target string
	// Context of the build, for what COPY and ADD bring; nil if it is not known.
	Context fs.FS
}

// Build is a Containerfile, read to the bottom.
type Build struct {
	// Name and Text of the Containerfile. That of a Plan is as Plan.Containerfile prints.
	Name string
	Text string
	// File as it parses.
	File containerfile.File
	// Steps of all stages in file order, comments and the preamble left out; each FROM is one, with a nil Step.
	Steps []*Step

	source *containerfile.Source
	lines  []string
	unread []Finding // about scripts that could not be read
}

// Step is one instruction with what could be found out about it.
type Step struct {
	// Index in the File.
	Index containerfile.Index
	// Step as it parses; nil for a FROM.
	Step containerfile.Step
	// Lines that it stands on.
	Lines containerfile.Range
	// Text of the instruction as it stands in the file.
	Text string
	// Fields of the Spec that made it, such as Features[2].Packages.
	Fields []string
	// InImage says that it belongs to the image: to the last stage, or to one that this is FROM.
	InImage bool
	// Commands of a RUN, in order. What no shell runs (a script in another language) has none.
	Commands []*Command
	// Layer of the files that the step adds; nil if it adds none.
	Layer *Layer
	// Opaque says that the step may change files in ways that nobody can foresee, as most programs in a RUN do.
	Opaque bool

	build *Build
	scope *scope
}

// Stage is the stage that the step belongs to, nil for the preamble.
func (s *Step) Stage() *containerfile.Stage {
	if s.Index.Stage == containerfile.Preamble {
		return nil
	}
	return &s.build.File.Stages[s.Index.Stage]
}

// Expand substitutes ARGs and ENVs in a word of the step. ok is false if the value of one is not known.
func (s *Step) Expand(word string) (text string, ok bool) { return s.scope.expand(word) }

// Finding returns a finding about the step.
func (s *Step) Finding(format string, args ...any) Finding {
	out := Finding{Stage: InContainerfile, Message: sprintf(format, args), key: strings.Join(strings.Fields(s.Text), " ")}
	out.Source = s.source()
	if len(s.Fields) > 0 {
		out.Stage = InSpec
	}
	return out
}

func (s *Step) source() *Source {
	return &Source{File: s.build.Name, Start: s.Lines.Line, End: s.Lines.EndLine, Fields: s.Fields}
}

// at is Finding, on a line and column of the step.
func (s *Step) at(line, column int, format string, args []any) Finding {
	out := s.Finding(format, args...)
	if line > 0 {
		out.Source.Start, out.Source.End, out.Source.Column = line, line, column
	}
	return out
}

// newBuild reads a Containerfile; what does not parse comes back as findings, with the rest of the file read all the same.
func newBuild(c Containerfile, l Linter) (*Build, []Finding) {
	b := &Build{Name: c.Name, Text: string(c.Text)}
	if b.Name == "" {
		b.Name = "Containerfile"
	}
	b.lines = strings.SplitAfter(b.Text, "\n")
	src, problems := b.parse(c.Text)
	b.source, b.File = src, src.File
	b.steps(l, c.Target)
	return b, problems
}

// parse reads the file. Instructions that do not parse are left out, as often as it takes.
func (b *Build) parse(text []byte) (*containerfile.Source, []Finding) {
	var problems []Finding
	lines := bytes.SplitAfter(text, []byte("\n"))
	for {
		src, err := containerfile.Parse(b.Name, bytes.NewReader(bytes.Join(lines, nil)))
		if err == nil {
			return src, problems
		}
		progress := false
		for _, e := range flatten(err) {
			syntax, ok := errors.AsType[*containerfile.SyntaxError](e)
			if !ok {
				syntax = &containerfile.SyntaxError{Err: e}
			}
			if len(problems) < 50 {
				f := Finding{Rule: idSyntax, Stage: InContainerfile, Message: syntax.Err.Error()}
				f.Source = &Source{File: b.Name, Start: syntax.Line, End: syntax.Line}
				problems = append(problems, f)
			}
			for i := syntax.Line - 1; i >= 0 && i < len(lines); i++ {
				line := lines[i]
				progress = progress || len(line) > 1
				lines[i] = []byte("#\n")
				if !bytes.HasSuffix(bytes.TrimRight(line, " \t\r\n"), []byte("\\")) {
					break
				}
			}
		}
		if !progress {
			return &containerfile.Source{Name: b.Name}, problems
		}
	}
}

func flatten(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range j.Unwrap() {
			out = append(out, flatten(e)...)
		}
		return out
	}
	return []error{err}
}

// steps lists the steps with their scopes.
func (b *Build) steps(l Linter, target string) {
	inImage := map[int]bool{}
	stage := len(b.File.Stages) - 1
	if n, ok := b.File.Lookup(target, len(b.File.Stages)); ok {
		stage = n
	}
	for stage >= 0 {
		inImage[stage] = true
		parent, ok := b.File.Lookup(b.File.Stages[stage].From, stage)
		if !ok {
			break
		}
		stage = parent
	}
	ends := map[int]*scope{} // of the stages so far
	head := newScope(b.File.Preamble, l.BuildArgs)
	add := func(at containerfile.Index, step containerfile.Step, sc *scope) {
		s := &Step{Index: at, Step: step, Lines: b.source.At(at), InImage: inImage[at.Stage], build: b, scope: sc}
		s.Text = b.text(s.Lines)
		b.Steps = append(b.Steps, s)
	}
	for i, step := range b.File.Preamble {
		if _, comment := step.(containerfile.Comment); !comment {
			add(containerfile.Index{Stage: containerfile.Preamble, Step: i}, step, head)
		}
	}
	for i, stage := range b.File.Stages {
		sc := head.stage()
		if parent, ok := b.File.Lookup(stage.From, i); ok && ends[parent] != nil {
			sc = ends[parent].inherit(head)
		}
		add(containerfile.Index{Stage: i, Step: containerfile.FROM}, nil, head)
		for j, step := range stage.Steps {
			if _, comment := step.(containerfile.Comment); comment {
				continue
			}
			add(containerfile.Index{Stage: i, Step: j}, step, sc)
			sc = sc.after(step)
		}
		ends[i] = sc
	}
}

// text is what stands on the lines.
func (b *Build) text(r containerfile.Range) string {
	if r.Line < 1 || r.EndLine > len(b.lines) || r.EndLine < r.Line {
		return ""
	}
	return strings.Join(b.lines[r.Line-1:r.EndLine], "")
}

// In returns the steps of the image's stages whose type is T, in order: In[containerfile.Copy](facts.Build). It takes nil.
func In[T containerfile.Step](b *Build) []*Step {
	if b == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(b.Steps), func(s *Step) bool {
		_, ok := s.Step.(T)
		return !ok || !s.InImage
	})
}

// mark notes which features of a Spec made which step.
func (b *Build) mark(p *bootc.Plan) {
	for _, s := range b.Steps {
		if s.Index.Step != containerfile.FROM {
			s.Fields = p.Features(s.Index.Stage, s.Index.Step)
		} else {
			s.Fields = []string{"Base"}
		}
	}
}
