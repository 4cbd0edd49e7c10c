package lint

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// Linter says how to lint: which rules, what to put up with, what is known beside the target. It is a plain value; the
// zero value runs every rule of the profile Bootc with its own severity, heeds suppressions in the Containerfile, and
// keeps nothing on disk. Each call stands for itself, so one Linter may be used by many goroutines at once. What people
// configure is JSON as well:
//
//	{"failOn": "warning", "profiles": ["edge"], "severity": {"BL801": "off"},
//	 "suppress": [{"rule": "BL214", "path": "/opt/acme/**", "reason": "the vendor's", "until": "2027-01-31T00:00:00Z"}]}
type Linter struct {
	// Rules to run; nil for those of this package. Add to them with append(lint.Rules(), mine).
	Rules []Rule `json:"-"`
	// Profiles beside Bootc, whose rules run as well.
	Profiles []Profile `json:"profiles,omitempty"`
	// Severity overrides that of rules, by ID, slug or alias; Off turns a rule off.
	Severity map[string]Severity `json:"severity,omitempty"`
	// Suppress accepts findings, each with a reason.
	Suppress []Suppression `json:"suppress,omitempty"`
	// Baseline are fingerprints of findings that are known and not news; see ReadBaseline.
	Baseline []string `json:"baseline,omitempty"`
	// NoInline ignores suppressions in the Containerfile, so that only who calls this may accept a finding.
	NoInline bool `json:"noInline,omitempty"`
	// FailOn is the severity from which on Report.Err is an error; the zero value is Error, Off never fails.
	FailOn Severity `json:"failOn,omitempty"`

	// BaseLayers is how many of an image's layers, from the lowest, are its base's. Zero is what Base says, or else
	// the image's label ostree.final-diffid, or else the history together with BuiltFrom, or else unknown; then all layers
	// count as derived.
	BaseLayers int `json:"baseLayers,omitempty"`
	// Base is the config of the base image, for what is inherited and for BaseLayers.
	Base *v1.Image `json:"-"`
	// BuiltFrom is the Containerfile that an image was built from, for the positions of findings in its layers.
	BuiltFrom *Containerfile `json:"-"`
	// BuiltBy is the Plan that an image was built by, for the same and for the fields of its Spec.
	BuiltBy *bootc.Plan `json:"-"`
	// Update is where devices get the next image from, and who signs it.
	Update Update `json:"update,omitzero"`
	// BuildArgs are the values of ARGs (--build-arg).
	BuildArgs map[string]string `json:"buildArgs,omitempty"`

	// Managed are absolute paths that something writes on running devices, such as the files of a fleet's configuration in Flight
	// Control, for rule BL306.
	Managed []string `json:"managed,omitempty"`

	// Cache is a directory for facts about layers, by their digest, so that a base is read once. Empty for none.
	Cache string `json:"cache,omitempty"`
	// Limits on what a target may cost.
	Limits Limits `json:"limits,omitzero"`
	// Now is the time by which suppressions and certificates expire; zero for the present.
	Now time.Time `json:"now,omitzero"`
}

// known are all rules, whether they run or not.
func (l Linter) known() []Rule {
	if l.Rules == nil {
		return Rules()
	}
	return l.Rules
}

// rules are those that run, with the severities that hold.
func (l Linter) rules() ([]Rule, error) {
	all := slices.Clone(l.known())
	if err := checkRules(all); err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for i := range all {
		for name, s := range l.Severity {
			if all[i].is(name) {
				known[name] = true
				all[i].Severity, all[i].forced = s, true
			}
		}
	}
	var errs []error
	for name, s := range l.Severity {
		if !known[name] {
			errs = append(errs, fmt.Errorf("Linter.Severity: no rule has the name %q", name))
		}
		if s != Off && (s < Note || s > Error) {
			errs = append(errs, fmt.Errorf("Linter.Severity[%q]: want Off, Note, Warning or Error", name))
		}
	}
	for _, p := range l.Managed {
		if !path.IsAbs(p) || path.Clean(p) != p {
			errs = append(errs, fmt.Errorf("Linter.Managed: %q is not an absolute, clean path", p))
		}
	}
	return slices.DeleteFunc(all, func(r Rule) bool { return r.Severity == Off || !l.inProfile(r) }), errors.Join(errs...)
}

func (l Linter) inProfile(r Rule) bool {
	return len(r.Profiles) == 0 || slices.Contains(r.Profiles, Bootc) ||
		slices.ContainsFunc(r.Profiles, func(p Profile) bool { return slices.Contains(l.Profiles, p) })
}

func (l Linter) now() time.Time {
	if l.Now.IsZero() {
		return time.Now()
	}
	return l.Now
}
