package containerfile

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// FieldError is a part of a File that no Containerfile can express, or that the builder refuses.
type FieldError struct {
	Path string // such as stages[1].steps[3].dest, in lower case
	Err  error
}

func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

// Validate returns every mistake in f, as joined *FieldErrors. A nil error means that WriteTo writes a file which Parse
// reads back as f, and from which the builder takes the values that f has. It does not look at what a build would
// find: whether images, stages, files and users exist.
func (f File) Validate() error {
	_, err := f.print()
	return err
}

// WriteTo writes f as a Containerfile: the same File gives the same bytes. If Validate finds a mistake, nothing is
// written and that error returned.
func (f File) WriteTo(w io.Writer) (int64, error) {
	text, err := f.print()
	if err != nil {
		return 0, err
	}
	n, err := io.WriteString(w, text)
	return int64(n), err
}

// String returns the Containerfile for people to read. In the place of a step that cannot be written stands a line that
// begins with "!!" and says why, which no builder takes for an instruction. Build from WriteTo, which returns the error.
func (f File) String() string {
	text, _ := f.print()
	return text
}

// Instruction returns one step as a Containerfile has it, here-documents and all, without the last newline.
func Instruction(s Step) string {
	text := File{Stages: []Stage{{From: "scratch", Steps: []Step{s}}}}.String()
	return strings.TrimSpace(strings.TrimPrefix(text, "FROM scratch\n"))
}

// print lays out the file and collects all mistakes.
func (f File) print() (string, error) {
	p := printer{escape: '\\'}
	for i, d := range f.Directives {
		path := fmt.Sprintf("directives[%d]", i)
		if err := d.check(); err != nil {
			p.fail(path, err)
			continue
		}
		if d.Name == "escape" {
			if i > 0 {
				p.fail(path, errors.New("escape must come first, or the builder takes it for a comment"))
			}
			p.escape = d.Value[0]
		}
		p.out.WriteString("# " + d.Name + "=" + d.Value + "\n")
	}
	p.preamble(f)
	for i, s := range f.Stages {
		p.stage(Index{i, FROM}, s, i == len(f.Stages)-1)
	}
	text := p.out.String()
	if len(text) > MaxSize {
		p.errs = append(p.errs, &FieldError{"file", errSize})
	}
	return text, errors.Join(p.errs...)
}

func (p *printer) preamble(f File) {
	if c, ok := first(f.Preamble).(Comment); len(f.Directives) > 0 || ok && directive.MatchString(c.line()) {
		p.out.WriteByte('\n') // ends the directives
	}
	for i, s := range f.Preamble {
		path := Index{Preamble, i}.String()
		switch s.(type) {
		case Arg, Comment, Raw:
			p.step(path, s)
		default:
			p.fail(path, fmt.Errorf("%T before the first FROM; only Arg, Comment and Raw may stand there", s))
		}
	}
	if len(f.Preamble) > 0 && len(f.Stages) > 0 {
		if _, ok := f.Preamble[len(f.Preamble)-1].(Comment); !ok {
			p.out.WriteByte('\n')
		}
	}
}

func first(steps []Step) Step {
	if len(steps) == 0 {
		return nil
	}
	return steps[0]
}

// stage prints a FROM and its steps. Comments at the end of a stage are about the next FROM: the blank line between
// stages goes before them.
func (p *printer) stage(at Index, s Stage, last bool) {
	p.from(at.String(), s)
	end := len(s.Steps)
	for end > 0 {
		if _, ok := s.Steps[end-1].(Comment); !ok {
			break
		}
		end--
	}
	for i, step := range s.Steps {
		if i == end && !last {
			p.out.WriteByte('\n')
		}
		p.step(Index{at.Stage, i}.String(), step)
	}
	if end == len(s.Steps) && !last {
		p.out.WriteByte('\n')
	}
}

func (d Directive) check() error {
	switch {
	case d.Name == "escape" && d.Value != "`" && d.Value != `\`:
		return fmt.Errorf("escape is a backtick or a backslash, not %q", d.Value)
	case d.Name != "escape" && d.Name != "syntax" && d.Name != "check":
		return fmt.Errorf("no builder knows a directive %q; use a Comment", d.Name)
	case d.Value == "" || strings.Trim(d.Value, " \t") != d.Value || strings.ContainsAny(d.Value, "\r\n"):
		return fmt.Errorf("value %q must be one line, not empty, without white space around", d.Value)
	}
	return nil
}

// line spells a comment. One that begins with # or ! (## heading, #!/bin/sh) has no space.
func (c Comment) line() string {
	if c == "" || c[0] == '#' || c[0] == '!' {
		return "#" + string(c)
	}
	return "# " + string(c)
}
