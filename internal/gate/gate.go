// Package gate is the check that engines make of a build: what they lint, whom they tell, and what stops them.
package gate

import (
	"encoding/json"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
)

// Gate checks one build.
type Gate struct {
	Linter lint.Linter
	// Skip lets everything through.
	Skip bool
	// OnReport is told of each report, OnEvent of each finding that does not stop the build, notes excepted. nil is silence.
	OnReport func(lint.Report)
	OnEvent  func(bootc.Event)
	// Ref is what the build is on, for errors and events.
	Ref string

	told map[string]bool // fingerprints of findings that have been an event
}

// Plan checks a plan.
func (g *Gate) Plan(p bootc.Plan) error {
	if g.Skip {
		return nil
	}
	return g.Report(g.Linter.Plan(p))
}

// Report tells of what was found, and returns the error if it is too much.
func (g *Gate) Report(r lint.Report) error {
	if g.OnReport != nil {
		g.OnReport(r)
	}
	if err := r.Err(); err != nil {
		return &bootc.OpError{Op: "lint", Ref: g.Ref, Err: err}
	}
	for _, f := range r.Open() {
		base := f.Layer != nil && f.Layer.Base // who builds on it cannot mend it
		if f.Severity < lint.Warning || base || g.told[f.Fingerprint] {
			continue
		}
		if g.told == nil {
			g.told = map[string]bool{}
		}
		g.told[f.Fingerprint] = true
		e := bootc.Event{Kind: bootc.EventWarning, Op: "lint", Ref: g.Ref, Text: f.String()}
		if f.Source != nil {
			e.Features = f.Source.Fields
		}
		g.Tell(e)
	}
	return nil
}

// Tell hands on an event.
func (g *Gate) Tell(e bootc.Event) {
	if g.OnEvent != nil {
		g.OnEvent(e)
	}
}

// ID is the identity of what builds are checked for, as far as it can be told: a build that was checked for something else
// is not the answer to this one. It is empty for no check.
func ID(l lint.Linter, skip bool) digest.Digest {
	if skip {
		return ""
	}
	l.Cache = ""
	text, err := json.Marshal(l)
	if err != nil {
		text = nil
	}
	rules := l.Rules
	if rules == nil {
		rules = lint.Rules()
	}
	var b strings.Builder
	b.Write(text)
	for _, r := range rules {
		b.WriteString(" " + r.ID + "=" + r.Severity.String())
	}
	return digest.FromString(b.String())
}
