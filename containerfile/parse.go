package containerfile

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/openshift/imagebuilder/dockerfile/command"
)

// Source is a parsed Containerfile with the places where its steps stand.
type Source struct {
	Name string // as given to Parse
	File File
	from []Range   // of each stage's FROM
	at   [][]Range // of each stage's steps, the preamble's first
}

// Range is a range of lines, counted from 1, both inclusive. Here-documents belong to it.
type Range struct{ Line, EndLine int }

// At returns the lines of the step. Index{Preamble, n} is a step of the preamble, Index{n, FROM} the FROM of a stage.
// It is zero for a step that the file does not have.
func (s *Source) At(i Index) Range {
	var lines []Range
	switch {
	case i.Stage < Preamble || i.Stage+1 >= len(s.at):
		return Range{}
	case i.Step == FROM && i.Stage != Preamble:
		return s.from[i.Stage]
	default:
		lines = s.at[i.Stage+1]
	}
	if i.Step < 0 || i.Step >= len(lines) {
		return Range{}
	}
	return lines[i.Step]
}

// SyntaxError is one mistake in a Containerfile.
type SyntaxError struct {
	Name string // of the file
	Line int    // where the instruction begins, counted from 1; 0 for the whole file
	Err  error
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.Name, e.Line, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// maxErrors is how many mistakes Parse collects before it gives up.
const maxErrors = 50

// Parse reads a Containerfile as buildah does: through imagebuilder's parser, with its quirks. Comments are kept; those
// between the lines of a continued instruction are moved before it. Blank lines, the case of keywords, quotes that mean
// nothing, older notations (ENV key value) and the order of flags are not kept.
//
// The error joins a *SyntaxError for each mistake, up to 50; the error of the reader, if that fails, comes as it is. A
// file with mistakes yields no Source. What parses need not be accepted by Validate, which knows more of the builder.
func Parse(name string, r io.Reader) (*Source, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxSize {
		return nil, &SyntaxError{Name: name, Err: errSize}
	}
	p := parsing{src: &Source{Name: name, at: make([][]Range, 1)}}
	lines := &lineReader{rest: data}
	escape := p.directives(lines)
	for l := range logicalLines(lines, escape) {
		if err := p.add(l); err != nil {
			p.errs = append(p.errs, &SyntaxError{Name: name, Line: l.Line, Err: err})
			if len(p.errs) == maxErrors {
				break
			}
		}
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return p.src, nil
}

type parsing struct {
	src  *Source
	errs []error
}

// directives reads the parser directives that lead the file, and returns the escape character. For imagebuilder escape
// counts on the first line only; further down, where BuildKit would still heed it, it is a comment.
func (p *parsing) directives(r *lineReader) byte {
	escape := byte('\\')
	f := &p.src.File
	for {
		before := *r
		line, ok := r.next()
		m := directive.FindStringSubmatch(strings.TrimLeftFunc(string(line), unicode.IsSpace))
		if !ok || m == nil || strings.Trim(m[2], " \t") == "" && !strings.EqualFold(m[1], "escape") {
			*r = before
			return escape
		}
		d := Directive{strings.ToLower(m[1]), m[2]}
		if n := len(f.Directives); d.Name == "escape" && n > 0 {
			if n == 1 && f.Directives[0].Name == "escape" {
				p.errs = append(p.errs, &SyntaxError{p.src.Name, r.line, errors.New("a second escape directive")})
			}
			*r = before
			return escape
		}
		if d.Name == "escape" {
			d.Value = string([]rune(d.Value)[:1]) // the builder looks at one character only
			if d.check() != nil {
				p.errs = append(p.errs, &SyntaxError{Name: p.src.Name, Line: r.line, Err: d.check()})
			} else {
				escape = d.Value[0]
			}
		}
		f.Directives = append(f.Directives, d)
	}
}

// add puts a logical line into the file.
func (p *parsing) add(l logicalLine) error {
	for _, c := range l.inner {
		p.step(Comment(c.text), Range{c.line, c.line})
	}
	if l.comment {
		p.step(Comment(l.text), l.Range)
		return nil
	}
	if l.err != nil {
		return l.err
	}
	if l.node.Value == command.From {
		stage, err := decodeFrom(l.node)
		if err != nil {
			return err
		}
		p.src.File.Stages = append(p.src.File.Stages, stage)
		p.src.from = append(p.src.from, l.Range)
		p.src.at = append(p.src.at, nil)
		return nil
	}
	if len(p.src.File.Stages) == 0 && l.node.Value != command.Arg {
		return fmt.Errorf("%s before the first FROM; only ARG may stand there", strings.ToUpper(l.node.Value))
	}
	step, err := decode(l)
	if err != nil {
		return err
	}
	p.step(step, l.Range)
	return nil
}

func (p *parsing) step(s Step, r Range) {
	f := &p.src.File
	steps := &f.Preamble
	if n := len(f.Stages); n > 0 {
		steps = &f.Stages[n-1].Steps
	}
	*steps = append(*steps, s)
	at := &p.src.at[len(p.src.at)-1]
	*at = append(*at, r)
}
