package containerfile

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/openshift/imagebuilder/dockerfile/command"
)

var (
	errNUL     = errors.New("holds a NUL byte")
	errUTF8    = errors.New("is not valid UTF-8")
	errNewline = errors.New("holds a line break, which no Containerfile can express here")
	errEmpty   = errors.New("is empty")
	errOpen    = errors.New("ends in the escape character, which continues it on the next line")
)

// printer writes a file and collects what is wrong with it.
type printer struct {
	out    strings.Builder
	escape byte
	work   int
	errs   []error

	path string // of the step that is being written
	bad  int    // mistakes of that step so far
}

func (p *printer) fail(path string, err error) {
	p.errs = append(p.errs, &FieldError{path, err})
	p.out.WriteString("!! " + strings.ReplaceAll(path+": "+err.Error(), "\n", " ") + "\n")
}

// mistake records what is wrong with a field of the current step.
func (p *printer) mistake(field string, err error) {
	p.bad++
	path := p.path
	if field != "" && field[0] != '[' {
		path += "."
	}
	p.fail(path+field, err)
}

func (p *printer) step(path string, s Step) {
	p.path, p.bad = path, 0
	switch s := s.(type) {
	case nil:
		p.mistake("", errors.New("no step"))
	case Comment:
		if strings.ContainsAny(string(s), "\r\n") {
			p.mistake("", errors.New("a comment is one line"))
			return
		}
		p.out.WriteString(s.line() + "\n")
	case Raw:
		p.raw(string(s))
	default:
		text, docs := p.instruction(s)
		p.finish(text, docs, func(l logicalLine) (any, error) { return decode(l) }, s)
	}
}

func (p *printer) from(path string, s Stage) {
	p.path, p.bad = path, 0
	text := "FROM"
	text += p.flag("platform", "platform", s.Platform)
	if len(s.After) > 1 {
		p.mistake("after", errors.New("the builder takes one stage only"))
	}
	for i, after := range s.After {
		text += p.flag("after", fmt.Sprintf("after[%d]", i), after)
	}
	text += p.spaced(" ", "from", s.From)
	if s.Name != "" {
		text += p.spaced(" AS ", "name", s.Name)
	}
	s.Steps = nil
	p.finish(text, nil, func(l logicalLine) (any, error) { return decodeFrom(l.node) }, s)
}

// finish adds an instruction to the file, if it reads back as what it was made from. That is what holds the promise of
// Validate; the checks before are there to name the field.
func (p *printer) finish(text string, docs []Heredoc, decode func(logicalLine) (any, error), want any) {
	if p.bad > 0 {
		return
	}
	text = strings.ReplaceAll(text, "\\\n", string(p.escape)+"\n") + "\n"
	for _, doc := range docs {
		text += doc.Body + doc.Name + "\n"
	}
	if err := p.readsBack(text, p.escape, decode, want); err != nil {
		p.mistake("", err)
		return
	}
	if _, ok := want.(OnBuild); ok && p.escape != '\\' {
		// The image keeps the text, and the build that it triggers reads that with the default escape character.
		joined := strings.ReplaceAll(text, "`\n", "\\\n")
		if err := p.readsBack(joined, '\\', decode, want); err != nil {
			p.mistake("", fmt.Errorf("with the default escape character: %w", err))
			return
		}
	}
	p.out.WriteString(text)
}

func (p *printer) readsBack(text string, escape byte, decode func(logicalLine) (any, error), want any) error {
	r := &lineReader{rest: []byte(text), line: 1, work: p.work} // not line 0, which may begin with a byte order mark
	lines := slices.Collect(logicalLines(r, escape))
	p.work = r.work
	if len(lines) == 0 {
		return errEmpty
	}
	l := lines[0]
	switch {
	case l.open:
		return errOpen
	case l.err != nil:
		return l.err
	}
	if len(lines) > 1 || len(l.inner) > 0 || l.EndLine != 1+strings.Count(text, "\n") {
		return errors.New("holds lines that the builder takes for something else: blank ones, comments or the end of a here-document")
	}
	got, err := decode(l)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(normal(got), normal(want)) {
		return fmt.Errorf("no Containerfile says this; the nearest one says %+v", got)
	}
	return nil
}

// raw adds text as it is, if it leaves the file after it alone.
func (p *printer) raw(text string) {
	text = strings.TrimSuffix(text, "\n") + "\n"
	for l := range logicalLines(&lineReader{rest: []byte(text), line: 1}, p.escape) {
		at := fmt.Errorf("line %d", l.Line-1)
		switch word, _ := keyword(l.text); {
		case l.comment:
		case l.open:
			p.mistake("", fmt.Errorf("%w: %w", at, errOpen))
		case l.err != nil && !errors.Is(l.err, errUnknown):
			p.mistake("", fmt.Errorf("%w: %w", at, l.err))
		case word == command.From:
			p.mistake("", fmt.Errorf("%w: FROM begins a stage; add a Stage", at))
		}
	}
	if p.bad == 0 {
		p.out.WriteString(text)
	}
}

// normal makes slices that are empty nil, for which a Containerfile has no notation; but Exec [] is one.
func normal(v any) any {
	switch s := v.(type) {
	case Stage:
		s.After = norm(s.After)
		return s
	case Run:
		s.Mounts, s.Heredocs = norm(s.Mounts), norm(s.Heredocs)
		s.Mounts = slices.Clone(s.Mounts)
		for i := range s.Mounts {
			s.Mounts[i].Options = norm(s.Mounts[i].Options)
		}
		return s
	case Copy:
		s.Sources, s.Exclude, s.Heredocs = norm(s.Sources), norm(s.Exclude), norm(s.Heredocs)
		return s
	case Add:
		s.Sources, s.Exclude, s.Heredocs = norm(s.Sources), norm(s.Exclude), norm(s.Heredocs)
		return s
	case OnBuild:
		s.Step, _ = normal(s.Step).(Step)
		return s
	}
	return v
}

func norm[E any](s []E) []E {
	if len(s) == 0 {
		return nil
	}
	return s
}
