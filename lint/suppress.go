package lint

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Suppression accepts findings of a rule: the caller's word that they are known, and why. Suppressions come from the caller
// and from comments in the Containerfile, never from inside an image.
type Suppression struct {
	// Rule is the ID, slug or alias.
	Rule string `json:"rule"`
	// Path is a pattern of paths in the image, as in Want; empty for all.
	Path string `json:"path,omitempty"`
	// Reason why the finding is accepted. One without is itself a finding, BL002.
	Reason string `json:"reason"`
	// Until is the day after which the finding counts again, and the suppression is a finding, BL003. Zero is for ever.
	Until time.Time `json:"until,omitzero"`
}

// inline is a suppression in a comment of the Containerfile, directly above the instruction that it is for, or anywhere
// with the word global:
//
//	# bootloom ignore=BL301,BL502 # reason
//	# bootloom ignore=BL201 until=2027-01-31 # reason
//	# bootloom global ignore=BL801 # reason
//
// hadolint's comments (# hadolint ignore=DL3007) count for rules that have such an alias.
type inline struct {
	Suppression
	comment *containerfile.Range
	lines   *containerfile.Range // of the instruction; nil for global
	foreign bool                 // hadolint's: whether it is used is not our business
	badDay  string               // what stands after until=, if that is no day
}

var pragma = lazyregexp.New(`^\s*(bootloom|hadolint)\s+(global\s+)?ignore\s*=\s*([A-Za-z0-9_,\- ]*?)(?:\s+until=(\S+))?\s*(?:#\s*(.*))?$`)

// inlines reads the suppressions of a Containerfile.
func (b *Build) inlines() []inline {
	var out []inline
	for at, step := range b.File.All() {
		comment, ok := step.(containerfile.Comment)
		if !ok {
			continue
		}
		m := pragma.FindStringSubmatch(string(comment))
		if m == nil {
			continue
		}
		lines := b.source.At(at)
		in := inline{comment: &lines, foreign: m[1] == "hadolint"}
		if m[2] == "" {
			in.lines = b.next(lines.EndLine)
			if in.lines == nil { // at the end of the file: for nothing
				in.lines = &containerfile.Range{}
			}
		}
		in.Reason = strings.TrimSpace(m[5])
		if m[4] != "" {
			until, err := time.Parse(time.DateOnly, m[4])
			if err != nil {
				until, in.badDay = time.Unix(0, 0), m[4]
			}
			in.Until = until
		}
		for name := range strings.FieldsFuncSeq(m[3], func(r rune) bool { return r == ',' || r == ' ' }) {
			in.Rule = name
			out = append(out, in)
		}
	}
	return out
}

// next is the instruction after the line.
func (b *Build) next(line int) *containerfile.Range {
	for _, s := range b.Steps {
		if s.Lines.EndLine > line {
			return &s.Lines
		}
	}
	return nil
}

// suppress marks the findings that somebody has accepted, and adds findings about suppressions that are no good.
func (l Linter) suppress(all []Finding, f *Facts, rules []Rule) []Finding {
	byID := map[string]Rule{}
	for _, r := range rules {
		byID[r.ID] = r
	}
	now := l.now()
	var list []inline
	build := cmp.Or(f.Build, f.madeBy)
	if build != nil && !l.NoInline {
		list = build.inlines()
	}
	for _, s := range l.Suppress {
		list = append(list, inline{Suppression: s})
	}
	used := make([]bool, len(list))
	for i := range all {
		found := &all[i]
		for j, s := range list {
			if found.Suppressed == nil && s.covers(*found, byID[found.Rule]) {
				used[j] = true
				if s.expired(now) {
					continue
				}
				found.Suppressed = &Suppressed{By: "config", Reason: s.Reason}
				if s.comment != nil {
					found.Suppressed.By = "inline"
				}
			}
		}
		if found.Suppressed == nil && slices.Contains(l.Baseline, found.Fingerprint) {
			found.Suppressed = &Suppressed{By: "baseline"}
		}
	}
	var about []Finding
	for j, s := range list {
		if s.foreign {
			continue
		}
		say := func(id, format string, args ...any) {
			out := Finding{Rule: id, Stage: InContainerfile, Message: fmt.Sprintf(format, args...), key: s.Rule + s.Path}
			if s.comment != nil {
				out.Source = &Source{File: build.Name, Start: s.comment.Line, End: s.comment.EndLine}
			} else {
				out.Stage = f.Finding("").Stage
			}
			about = append(about, out)
		}
		switch {
		case s.badDay != "":
			say(idExpired, "until=%s is no day, such as 2027-01-31, so that the suppression of %s does not count", clip(s.badDay), clip(s.Rule))
		case s.expired(now):
			say(idExpired, "the suppression of %s has expired on %s", clip(s.Rule), s.Until.Format(time.DateOnly))
		case used[j]:
		case !slices.ContainsFunc(l.known(), func(r Rule) bool { return r.is(s.Rule) }):
			say(idUnused, "the suppression is for %s, which is no rule", clip(s.Rule))
		default:
			for _, r := range rules {
				if !r.is(s.Rule) || r.Stages&f.Stages == 0 {
					continue // a rule that did not run here may be what it is for
				}
				say(idUnused, "the suppression of %s matches no finding", clip(s.Rule))
				if rest := r.Stages &^ (f.Stages | InSpec | InUpgrade); rest != 0 { // and so may one that runs elsewhere too
					last := &about[len(about)-1]
					last.Severity, last.Confidence = Note, Possible
				}
			}
		}
		if s.Reason == "" {
			say(idUnexplained, "the suppression of %s has no reason", clip(s.Rule))
		}
	}
	return append(all, complete(about, rules)...)
}

// covers says whether the suppression is for the finding.
func (s inline) covers(f Finding, r Rule) bool {
	if r.ID == "" || !r.is(s.Rule) || isMeta(r.ID) {
		return false
	}
	if s.lines != nil {
		return f.Source != nil && f.Source.Start >= s.lines.Line && f.Source.Start <= cmp.Or(s.lines.EndLine, s.lines.Line)
	}
	if s.Path == "" || s.Path == f.Path {
		return true
	}
	g, err := compileGlob(path.Clean(s.Path))
	return err == nil && g.match(f.Path)
}

func (s inline) expired(now time.Time) bool {
	return !s.Until.IsZero() && !now.Before(s.Until.AddDate(0, 0, 1))
}
