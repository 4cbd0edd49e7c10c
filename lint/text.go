package lint

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

// TextOptions are the options of WriteText. The zero value is plain text with everything that is open.
type TextOptions struct {
	// Color marks severities with the colours of a terminal.
	Color bool
	// MaxPerRule is how many findings of one rule are shown; the others are counted. Zero shows all.
	MaxPerRule int
	// Suppressed shows suppressed findings as well.
	Suppressed bool
}

// WriteText writes the report for people: each finding with its fix, then a line with the counts.
func (r Report) WriteText(w io.Writer, o TextOptions) error {
	t := text{w: w, o: o}
	shown := map[string]int{}
	for _, f := range r.Findings {
		if f.Suppressed != nil && !o.Suppressed {
			continue
		}
		if shown[f.Rule]++; o.MaxPerRule == 0 || shown[f.Rule] <= o.MaxPerRule {
			t.finding(f)
		}
	}
	for _, f := range r.Findings {
		if n := shown[f.Rule]; o.MaxPerRule > 0 && n > o.MaxPerRule {
			t.printf("%s %s: %d more\n", f.Rule, f.Slug, n-o.MaxPerRule)
			shown[f.Rule] = 0
		}
	}
	t.printf("%s: %s\n", printable(cmp.Or(r.Target, "target")), r.summary())
	return t.err
}

// summary counts open findings by severity.
func (r Report) summary() string {
	var parts []string
	for _, s := range []Severity{Error, Warning, Note} {
		switch n := r.Count(s); n {
		case 0:
		case 1:
			parts = append(parts, fmt.Sprintf("1 %s", s))
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", n, s))
		}
	}
	if n := len(r.Findings) - len(r.Open()); n > 0 {
		parts = append(parts, fmt.Sprintf("%d suppressed", n))
	}
	if len(parts) == 0 {
		return "nothing found"
	}
	return strings.Join(parts, ", ")
}

type text struct {
	w   io.Writer
	o   TextOptions
	err error
}

func (t *text) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

var colors = map[Severity]string{Error: "\x1b[31m", Warning: "\x1b[33m", Note: "\x1b[36m"}

func (t *text) finding(f Finding) {
	for _, place := range f.places() {
		t.printf("%s: ", place)
	}
	severity := f.Severity.String()
	if t.o.Color {
		severity = colors[f.Severity] + severity + "\x1b[0m"
	}
	t.printf("%s %s %s: %s\n", severity, f.Rule, f.Slug, f.Message)
	if f.Source != nil && len(f.Source.Fields) > 0 {
		t.printf("    from: %s\n", strings.Join(f.Source.Fields, ", "))
	}
	if f.Layer != nil {
		t.printf("    layer: %d %s\n", f.Layer.Index, f.Layer.CreatedBy)
	}
	if f.Evidence != "" {
		t.printf("    found: %s\n", f.Evidence)
	}
	if f.Fix.Text != "" {
		t.printf("    fix: %s\n", strings.ReplaceAll(f.Fix.Text, "\n", "\n         "))
	}
	if f.Fix.Path != "" {
		t.printf("    %s:\n", f.Fix.Path)
		for line := range strings.Lines(f.Fix.Content) {
			t.printf("        %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	if f.Confidence != Certain {
		t.printf("    confidence: %s\n", f.Confidence)
	}
	if s := f.Suppressed; s != nil {
		t.printf("    suppressed (%s): %s\n", s.By, s.Reason)
	}
}
