package lint

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

// WriteGitHub writes open findings as workflow commands of GitHub Actions, which show them beside the lines they are about
// (https://docs.github.com/actions/reference/workflow-commands-for-github-actions). Findings without a place in a
// Containerfile are shown for the workflow as a whole.
func (r Report) WriteGitHub(w io.Writer) error {
	for _, f := range r.Open() {
		command := map[Severity]string{Error: "error", Warning: "warning"}[f.Severity]
		properties := []string{"title=" + property(f.Rule+" "+f.Slug)}
		if s := f.Source; s.inFile() {
			properties = append(properties, "file="+property(s.File), fmt.Sprintf("line=%d", s.Start))
			if s.End > s.Start {
				properties = append(properties, fmt.Sprintf("endLine=%d", s.End))
			}
			if s.Column > 0 {
				properties = append(properties, fmt.Sprintf("col=%d", s.Column))
			}
		}
		_, err := fmt.Fprintf(w, "::%s %s::%s\n", cmp.Or(command, "notice"), strings.Join(properties, ","), data(f.paragraph()))
		if err != nil {
			return err
		}
	}
	return nil
}

// inFile says that the place is in a file that people edit. The Containerfile of a Spec is none.
func (s *Source) inFile() bool { return s != nil && s.File != "" && s.Start > 0 && len(s.Fields) == 0 }

// paragraph is the finding without its place in the Containerfile, with its fix.
func (f Finding) paragraph() string {
	text := f.Message
	if f.Path != "" {
		at := f.Path
		if f.Line > 0 {
			at += fmt.Sprintf(":%d", f.Line)
		}
		text = at + ": " + text
	}
	if f.Source != nil && len(f.Source.Fields) > 0 {
		text = strings.Join(f.Source.Fields, ", ") + ": " + text
	}
	if f.Fix.Text != "" {
		text += "\nFix: " + f.Fix.Text
	}
	return text
}

var (
	escapeData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	escapeProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func data(s string) string     { return escapeData.Replace(s) }
func property(s string) string { return escapeProperty.Replace(s) }
