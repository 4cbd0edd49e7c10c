package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Report is what a lint found. It is a value: it prints, compares and serialises, and the same target and options
// give the same bytes.
type Report struct {
	// Target is the name of what was linted: a reference, a directory, a Containerfile.
	Target string `json:"target"`
	// Stages that facts came from.
	Stages Stage `json:"stages"`
	// Findings, the worst first, then by place. Suppressed ones are among them, marked.
	Findings []Finding `json:"findings"`

	failOn Severity
	rules  []Rule // that ran, for SARIF
}

// Open returns the findings that nobody has suppressed.
func (r Report) Open() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Suppressed != nil })
}

// Worst is the highest severity among open findings, 0 if there are none.
func (r Report) Worst() Severity {
	worst := Severity(0)
	for _, f := range r.Open() {
		worst = max(worst, f.Severity)
	}
	return worst
}

// Count returns how many open findings have the severity.
func (r Report) Count(s Severity) int {
	n := 0
	for _, f := range r.Open() {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Err is a *FindingsError if an open finding has the severity Linter.FailOn or a higher one, else nil.
func (r Report) Err() error {
	from := cmp.Or(r.failOn, Error)
	if from == Off || r.Worst() < from {
		return nil
	}
	return &FindingsError{Report: r, FailOn: from}
}

// FindingsError says that a target has findings that are not to be put up with.
type FindingsError struct {
	Report Report
	FailOn Severity
}

// Error lists the findings from FailOn on, one a line, at most ten.
func (e *FindingsError) Error() string {
	var lines []string
	for _, f := range e.Report.Open() {
		if f.Severity >= e.FailOn {
			lines = append(lines, f.String())
		}
	}
	n := len(lines)
	if n > 10 {
		lines = append(lines[:10], fmt.Sprintf("and %d more", n-10))
	}
	what := "findings"
	if n == 1 {
		what = "finding"
	}
	return fmt.Sprintf("lint of %s: %d %s:\n%s", e.Report.Target, n, what, strings.Join(lines, "\n"))
}

// String returns the finding on one line: place, severity, ID, message.
func (f Finding) String() string {
	var b strings.Builder
	for _, place := range f.places() {
		b.WriteString(place + ": ")
	}
	fmt.Fprintf(&b, "%s %s: %s", f.Severity, f.Rule, f.Message)
	return b.String()
}

// places are the file of the image and the line of the Containerfile, as far as known.
func (f Finding) places() []string {
	var out []string
	if s := f.Source; s != nil && s.File != "" && s.Start > 0 {
		at := fmt.Sprintf("%s:%d", s.File, s.Start)
		if s.Column > 0 {
			at += fmt.Sprintf(":%d", s.Column)
		}
		out = append(out, at)
	}
	if f.Path != "" {
		at := f.Path
		if f.Line > 0 {
			at += fmt.Sprintf(":%d", f.Line)
		}
		out = append(out, at)
	}
	if len(out) == 0 && f.Layer != nil {
		out = append(out, fmt.Sprintf("layer %d", f.Layer.Index))
	}
	return out
}

// order sorts findings so that a report is the same each time.
func order(a, b Finding) int {
	place := func(f Finding) (file string, line, column int) {
		if f.Source == nil {
			return "", 0, 0
		}
		return f.Source.File, f.Source.Start, f.Source.Column
	}
	aFile, aLine, aCol := place(a)
	bFile, bLine, bCol := place(b)
	return cmp.Or(
		cmp.Compare(b.Severity, a.Severity),
		strings.Compare(a.Rule, b.Rule),
		strings.Compare(aFile, bFile), cmp.Compare(aLine, bLine), cmp.Compare(aCol, bCol),
		strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line),
		strings.Compare(a.Message, b.Message), strings.Compare(a.Evidence, b.Evidence),
	)
}
