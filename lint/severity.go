package lint

import "fmt"

// Severity says how bad a finding is. Severities are ordered: Error > Warning > Note.
type Severity int

const (
	// Off turns a rule off where it stands for a rule's severity, and the gate where it stands for Linter.FailOn.
	Off Severity = -1
	// Note is worth knowing; nothing is wrong.
	Note Severity = 1
	// Warning works today, and will cost somebody later.
	Warning Severity = 2
	// Error does not build, install, boot or update, or gives something away.
	Error Severity = 3
)

var severityNames = map[Severity]string{0: "", Off: "off", Note: "note", Warning: "warning", Error: "error"}

// String returns "error", "warning", "note" or "off", and "" for the zero value.
func (s Severity) String() string {
	if name, ok := severityNames[s]; ok {
		return name
	}
	return fmt.Sprintf("Severity(%d)", int(s))
}

// MarshalText writes what String returns.
func (s Severity) MarshalText() ([]byte, error) {
	if _, ok := severityNames[s]; !ok {
		return nil, fmt.Errorf("%s is no severity", s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (s *Severity) UnmarshalText(text []byte) error {
	for v, name := range severityNames {
		if name == string(text) {
			*s = v
			return nil
		}
	}
	return fmt.Errorf("severity %q: want error, warning, note or off", text)
}

// Confidence says how sure a finding is. The zero value is the highest.
type Confidence int

const (
	// Certain follows from the facts.
	Certain Confidence = iota
	// Likely holds unless a step that could not be read to the end does otherwise.
	Likely
	// Possible is a hint: something that decides it, such as the value of a variable, is not known.
	Possible
)

var confidenceNames = [...]string{"certain", "likely", "possible"}

// String returns "certain", "likely" or "possible".
func (c Confidence) String() string {
	if c < 0 || int(c) >= len(confidenceNames) {
		return fmt.Sprintf("Confidence(%d)", int(c))
	}
	return confidenceNames[c]
}

// MarshalText writes what String returns.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (c *Confidence) UnmarshalText(text []byte) error {
	for i, name := range confidenceNames {
		if name == string(text) {
			*c = Confidence(i)
			return nil
		}
	}
	return fmt.Errorf("confidence %q: want certain, likely or possible", text)
}
