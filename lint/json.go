package lint

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// jsonVersion is that of the JSON form. It goes up when a reader of the older one would go wrong; new members do not count.
const jsonVersion = 1

// jsonReport is the JSON form of a Report.
type jsonReport struct {
	Version int `json:"version"`
	Report
	Counts map[string]int `json:"counts"`
}

// WriteJSON writes the report as one JSON object: version (1), target, stages, findings, and counts, the number of open
// findings by severity. Members of a finding are those of Finding; those that are empty are left out.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	out := jsonReport{Version: jsonVersion, Report: r, Counts: map[string]int{}}
	for _, s := range []Severity{Error, Warning, Note} {
		out.Counts[s.String()] = r.Count(s)
	}
	if out.Findings == nil {
		out.Findings = []Finding{}
	}
	return e.Encode(out)
}

// ReadJSON reads what WriteJSON wrote.
func ReadJSON(r io.Reader) (Report, error) {
	var in jsonReport
	if err := json.NewDecoder(r).Decode(&in); err != nil {
		return Report{}, fmt.Errorf("the report is not one in JSON: %w", err)
	}
	if in.Version != jsonVersion {
		return Report{}, fmt.Errorf("the report has version %d of the format; this reads %d", in.Version, jsonVersion)
	}
	return in.Report, nil
}

// WriteBaseline writes the fingerprints of the report's open findings, one a line with rule and place behind it for people,
// sorted, so that a diff of two baselines reads well.
func (r Report) WriteBaseline(w io.Writer) error {
	var lines []string
	for _, f := range r.Open() {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Fingerprint, f.Rule, f.Path))+"\n")
	}
	slices.Sort(lines)
	_, err := io.WriteString(w, "# findings that are known: see lint.Linter.Baseline\n"+strings.Join(slices.Compact(lines), ""))
	return err
}

// ReadBaseline reads what WriteBaseline wrote, for Linter.Baseline: the first word of each line that is no comment.
func ReadBaseline(r io.Reader) ([]string, error) {
	var out []string
	s := bufio.NewScanner(r)
	for s.Scan() {
		word, _, _ := strings.Cut(strings.TrimSpace(s.Text()), " ")
		if word != "" && !strings.HasPrefix(word, "#") {
			out = append(out, word)
		}
	}
	return out, s.Err()
}
