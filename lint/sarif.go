package lint

import (
	"cmp"
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// SARIFOptions are the options of WriteSARIF.
type SARIFOptions struct {
	// Anchor is the file that findings without a place in a file are shown at, such as the Containerfile; GitHub drops
	// results that have none. Empty leaves them without.
	Anchor string
}

// WriteSARIF writes reports as SARIF 2.1.0, one run each
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html). Suppressed findings are
// among the results, marked as such. What SARIF has no place for is in a result's properties: stage, layer, fields of the
// Spec, evidence, fix.
func WriteSARIF(w io.Writer, o SARIFOptions, reports ...Report) error {
	log := sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{}}
	for _, r := range reports {
		log.Runs = append(log.Runs, r.sarif(o))
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(log)
}

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		AutomationDetails *sarifAutomation `json:"automationDetails,omitempty"`
		Results           []sarifResult    `json:"results"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifRule struct {
		ID                   string         `json:"id"`
		Name                 string         `json:"name"`
		ShortDescription     sarifText      `json:"shortDescription"`
		FullDescription      sarifText      `json:"fullDescription"`
		Help                 sarifText      `json:"help"`
		HelpURI              string         `json:"helpUri,omitempty"`
		DefaultConfiguration sarifConfig    `json:"defaultConfiguration"`
		Properties           map[string]any `json:"properties,omitempty"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID              string             `json:"ruleId"`
		RuleIndex           int                `json:"ruleIndex"`
		Level               string             `json:"level"`
		Message             sarifText          `json:"message"`
		Locations           []sarifLocation    `json:"locations,omitempty"`
		PartialFingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
		Properties          map[string]any     `json:"properties,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation *sarifPhysical `json:"physicalLocation,omitempty"`
		LogicalLocations []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		ArtifactLocation struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *sarifRegion `json:"region,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification,omitempty"`
	}
)

func (r Report) sarif(o SARIFOptions) sarifRun {
	var run sarifRun
	run.Tool.Driver = sarifDriver{Name: "bootloom", InformationURI: "https://github.com/bootloom/bootloom", Rules: []sarifRule{}}
	run.Results = []sarifResult{}
	if r.Target != "" {
		run.AutomationDetails = &sarifAutomation{"bootloom/" + printable(r.Target)}
	}
	index := map[string]int{}
	for _, rule := range r.named() {
		index[rule.ID] = len(run.Tool.Driver.Rules)
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule.sarif())
	}
	for _, f := range r.Findings {
		run.Results = append(run.Results, f.sarif(index[f.Rule], o))
	}
	return run
}

// named are the rules that ran, with those of findings that came from elsewhere.
func (r Report) named() []Rule {
	rules := slices.Clone(r.rules)
	known := Rules()
	for _, f := range r.Findings {
		has := func(x Rule) bool { return x.ID == f.Rule }
		switch i := slices.IndexFunc(known, has); {
		case slices.ContainsFunc(rules, has):
		case i >= 0:
			rules = append(rules, known[i])
		default:
			rules = append(rules, Rule{ID: f.Rule, Slug: cmp.Or(f.Slug, f.Rule), Title: cmp.Or(f.Slug, f.Rule), Severity: f.Severity, URL: f.URL})
		}
	}
	return rules
}

func (r Rule) sarif() sarifRule {
	help := strings.Join(strings.Fields(cmp.Or(r.Rationale, r.Title)), " ")
	out := sarifRule{
		ID: r.ID, Name: r.Slug, HelpURI: r.Page(),
		ShortDescription:     sarifText{Text: r.Title},
		FullDescription:      sarifText{Text: help},
		Help:                 sarifText{Text: help + "\n\nSource: " + r.URL, Markdown: help + "\n\nSource: <" + r.URL + ">"},
		DefaultConfiguration: sarifConfig{r.Severity.level()},
	}
	tags := []string{"bootc"}
	if strings.HasPrefix(r.ID, "BL5") || strings.HasPrefix(r.ID, "BL6") || r.ID == "BL806" {
		tags = append(tags, "security")
		// GitHub's scale: above 7 is high, above 4 medium.
		out.Properties = map[string]any{"security-severity": map[Severity]string{Error: "8.0", Warning: "5.0", Note: "2.0"}[r.Severity]}
	}
	if out.Properties == nil {
		out.Properties = map[string]any{}
	}
	out.Properties["tags"] = tags
	return out
}

// Page is where a rule is described: for a rule of this package its page, else its URL.
func (r Rule) Page() string {
	if strings.HasPrefix(r.ID, "BL") {
		return "https://github.com/bootloom/bootloom/blob/main/lint/rules/" + r.ID + ".md"
	}
	return r.URL
}

// level is SARIF's name.
func (s Severity) level() string {
	if s < Note {
		return "none"
	}
	return s.String()
}

func (f Finding) sarif(rule int, o SARIFOptions) sarifResult {
	out := sarifResult{
		RuleID: f.Rule, RuleIndex: rule, Level: f.Severity.level(), Message: sarifText{Text: f.paragraph()},
		PartialFingerprints: map[string]string{"bootloom/v1": f.Fingerprint},
		Properties:          map[string]any{"stage": f.Stage, "confidence": f.Confidence},
	}
	var at sarifLocation
	if s := f.Source; s.inFile() {
		at.PhysicalLocation = physical(s.File)
		at.PhysicalLocation.Region = &sarifRegion{StartLine: s.Start, StartColumn: s.Column, EndLine: max(s.Start, s.End)}
	} else if o.Anchor != "" {
		at.PhysicalLocation = physical(o.Anchor)
		at.PhysicalLocation.Region = &sarifRegion{StartLine: 1}
	}
	if f.Path != "" {
		at.LogicalLocations = append(at.LogicalLocations, sarifLogical{f.Path, "resource"})
	}
	if s := f.Source; s != nil {
		for _, field := range s.Fields {
			at.LogicalLocations = append(at.LogicalLocations, sarifLogical{field, "member"})
		}
	}
	if at.PhysicalLocation != nil || len(at.LogicalLocations) > 0 {
		out.Locations = []sarifLocation{at}
	}
	for name, v := range map[string]any{"path": f.Path, "evidence": f.Evidence, "fix": f.Fix.Text} {
		if v != "" {
			out.Properties[name] = v
		}
	}
	if f.Line > 0 {
		out.Properties["line"] = f.Line
	}
	if f.Layer != nil {
		out.Properties["layer"] = f.Layer
	}
	if s := f.Suppressed; s != nil {
		kind := "external"
		if s.By == "inline" {
			kind = "inSource"
		}
		out.Suppressions = []sarifSuppression{{kind, s.Reason}}
	}
	return out
}

// physical is the place of a file, as a URI relative to where the reader is.
func physical(file string) *sarifPhysical {
	p := &sarifPhysical{}
	p.ArtifactLocation.URI = (&url.URL{Path: filepath.ToSlash(file)}).String()
	return p
}
