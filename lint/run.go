package lint

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// run checks the facts with the rules and makes the report.
func (l Linter) run(target string, f *Facts, rules []Rule, problems []Finding) Report {
	f.Profiles = append([]Profile{Bootc}, l.Profiles...)
	f.Now, f.Managed, f.Update = l.now(), l.Managed, l.Update
	lists := make([][]Finding, len(rules))
	var next sync.Mutex
	var workers sync.WaitGroup
	i := 0
	for range min(runtime.GOMAXPROCS(0), len(rules)) {
		workers.Go(func() {
			for {
				next.Lock()
				n := i
				i++
				next.Unlock()
				if n >= len(rules) {
					return
				}
				if rules[n].Stages&f.Stages != 0 {
					lists[n] = check(rules[n], f)
				}
			}
		})
	}
	workers.Wait()
	all := slices.Concat(lists...)
	all = append(all, problems...)
	all = append(all, unreadable(f)...)
	all = complete(all, rules)
	all = l.suppress(all, f, rules)
	slices.SortFunc(all, order)
	all = slices.CompactFunc(all, func(a, b Finding) bool { return order(a, b) == 0 })
	if all == nil {
		all = []Finding{}
	}
	return Report{Target: target, Stages: f.Stages, Findings: all, failOn: l.FailOn, rules: rules}
}

// check runs one rule. One that panics is a finding: a bug in a rule must not hide what others found.
func check(r Rule, f *Facts) (out []Finding) {
	defer func() {
		if p := recover(); p != nil {
			out = append(out, Finding{Rule: idUnreadable, Message: fmt.Sprintf("rule %s failed on this target, which is a bug of the rule: %v", r.ID, p)})
		}
	}()
	r.Check(f, func(found Finding) {
		if found.Rule == "" {
			found.Rule = r.ID
		}
		if f.Stages == InUpgrade || found.Stage == 0 {
			found.Stage = f.Finding("").Stage
		}
		out = append(out, found)
	})
	return out
}

// unreadable turns what could not be read into findings.
func unreadable(f *Facts) []Finding {
	var out []Finding
	for _, l := range f.Layers {
		for _, p := range l.problems {
			file := File{Path: p.path, Layer: l}
			found := file.Finding("%v", p.err)
			if p.path == "" {
				found = l.Finding("%v", p.err)
			}
			found.Rule = idUnreadable
			if p.part {
				found.Rule = idIncomplete
			}
			out = append(out, found)
		}
	}
	return out
}

// complete fills in what follows from the rule. Findings of rules that are off are dropped.
func complete(all []Finding, rules []Rule) []Finding {
	byID := map[string]Rule{}
	for _, r := range rules {
		byID[r.ID] = r
	}
	out := all[:0]
	for _, f := range all {
		r, ok := byID[f.Rule]
		if !ok {
			continue
		}
		f.Slug, f.URL = r.Slug, r.URL
		if f.Severity == 0 || r.forced {
			f.Severity = r.Severity
		}
		f.Message, f.Fix = printable(redactForms(f.Message)), f.Fix.clean()
		f.Fingerprint, f.key = f.fingerprint(), ""
		out = append(out, f)
	}
	return out
}
