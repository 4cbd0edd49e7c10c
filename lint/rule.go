package lint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Rule is one check with all that is to be said about it: its page under lint/rules and its first test cases are made
// from these fields. Rules of a caller's own are the equals of those of this package: see Linter.Rules.
type Rule struct {
	// ID is BL and three digits, or for a rule of one's own any other letters and digits: ACME7. IDs never change
	// their meaning.
	ID string
	// Slug is the name for people: kargs-invalid.
	Slug string
	// Aliases are names that other linters have for it, such as bootc's bootc-kargs or hadolint's DL3007. Suppressions and
	// settings may use any of them.
	Aliases []string
	// Title is what a finding means, in a few words without a full stop.
	Title string
	// Severity of a finding that does not say otherwise.
	Severity Severity
	// Stages at which the rule can tell something. It does not run on a target that has none of them.
	Stages Stage
	// Profiles that the rule belongs to; none for all of them.
	Profiles []Profile
	// Rationale says what happens on a device, and why, in Markdown.
	Rationale string
	// URL is the source of the rule: upstream's documentation or code.
	URL string
	// Bad and Good are cases that fire and that must not, in the format that doc.go describes. They are the rule's page
	// and its tests.
	Bad, Good string
	// Wants are the files whose content the rule reads.
	Wants []Want
	// Check looks at the facts and hands on what it finds, in any order. It is pure: no I/O, no clock but Facts.Now, no
	// state, and it changes no facts. It may run at once with other rules.
	Check func(f *Facts, found func(Finding))

	forced bool // the caller has set the severity
}

// Profile is a purpose of an image that some rules are for.
type Profile string

const (
	// Bootc are the rules for any bootable image. It is always on.
	Bootc Profile = "bootc"
	// Edge are rules for devices of Flight Control and Red Hat Edge Manager.
	Edge Profile = "edge"
	// Disk are rules for images that disk images are made from.
	Disk Profile = "disk"
	// Sealed are rules for images with a unified kernel image and composefs with fs-verity.
	Sealed Profile = "sealed"
)

// is says whether name means the rule.
func (r Rule) is(name string) bool {
	return strings.EqualFold(name, r.ID) || name == r.Slug || slices.ContainsFunc(r.Aliases, func(a string) bool { return strings.EqualFold(a, name) })
}

var (
	idShape   = lazyregexp.New(`^[A-Z]+[0-9]+$`)
	slugShape = lazyregexp.New(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

// check finds what would keep a rule from working.
func (r Rule) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("rule %s: "+format, append([]any{r.ID}, args...)...))
	}
	if !idShape.MatchString(r.ID) {
		bad("the ID must be capital letters and digits, such as ACME7")
	}
	if !slugShape.MatchString(r.Slug) {
		bad("the slug %q must be lower case words with hyphens between", r.Slug)
	}
	if r.Severity < Note || r.Severity > Error {
		bad("the severity must be Note, Warning or Error")
	}
	if r.Stages == 0 {
		bad("it has no stage, and would never run")
	}
	if r.Check == nil {
		bad("it has no Check")
	}
	for _, w := range r.Wants {
		if err := w.check(); err != nil {
			bad("%w", err)
		}
	}
	return errors.Join(errs...)
}

// checkRules looks at all rules of a run, which need names of their own.
func checkRules(rules []Rule) error {
	var errs []error
	taken := map[string]string{}
	for _, r := range rules {
		errs = append(errs, r.check())
		for _, name := range []string{r.ID, r.Slug} {
			if other, ok := taken[name]; ok {
				errs = append(errs, fmt.Errorf("rule %s: the name %s is that of %s", r.ID, name, other))
			}
			taken[name] = r.ID
		}
	}
	return errors.Join(errs...)
}
