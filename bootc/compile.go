package bootc

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// The keys of https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md that fill themselves in.
const (
	keyCreated    = "org.opencontainers.image.created"
	keyBaseName   = "org.opencontainers.image.base.name"
	keyBaseDigest = "org.opencontainers.image.base.digest"
)

// Compile turns the Spec into a Plan for the given base. It is pure: nothing is read but the base's facts and the
// content of files that an fs.FS holds. The error joins a *FieldError for each mistake that was found; FieldErrors
// lists them.
//
// Facts that nobody knows can be left out of base; a feature that needs one fails with ErrUnknownFact. An empty
// base.Ref is the Spec's Base.
func (s Spec) Compile(base Base) (Plan, error) {
	errs := s.check(&base)
	d := newDraft(base)
	for i, f := range s.Features {
		if isNil(f) {
			errs = append(errs, Errorf(fmt.Sprintf("Features[%d]", i), "is nil"))
			continue
		}
		d.origin = fmt.Sprintf("Features[%d].%s", i, kindOf(f))
		errs = append(errs, within(d.origin, f.Contribute(d))...)
	}
	d.origin = ""
	errs = append(errs, d.settleGathered()...)
	errs = append(errs, d.settle()...)
	errs = append(errs, d.checkStages()...)
	errs = append(errs, d.merge()...)
	errs = append(errs, d.checkEntries()...)
	labels, err := d.settings("Labels", d.labels, s.Labels, checkLabel)
	errs = append(errs, err...)
	annotations, err := d.settings("Annotations", d.annotations, s.Annotations, checkAnnotation)
	errs = append(errs, err...)
	if err := errors.Join(errs...); err != nil {
		return Plan{}, err
	}
	p := d.plan(s, labels, annotations)
	if err := p.check(); err != nil {
		return Plan{}, err
	}
	return p, nil
}

// check looks at the fields of the Spec itself, and completes base.
func (s Spec) check(base *Base) []error {
	var errs []error
	if err := checkRef(s.Base); err != nil {
		errs = append(errs, &FieldError{Path: "Base", Err: err})
	}
	if base.Ref == "" {
		base.Ref = s.Base
	} else if base.Ref != s.Base && s.Base != "" {
		errs = append(errs, Errorf("Base", "is %s, but the facts to compile with are about %s", s.Base, base.Ref))
	}
	if base.Digest != "" {
		if err := base.Digest.Validate(); err != nil {
			errs = append(errs, Errorf("Base", "its digest %q: %w", base.Digest, err))
		}
	}
	if s.Layers < 0 || s.Layers > maxLayers {
		errs = append(errs, Errorf("Layers", "is %d: want 0, for as few as the steps allow, to %d", s.Layers, maxLayers))
	}
	if !s.Epoch.IsZero() && (s.Epoch.Unix() < 0 || s.Epoch.Year() > 9999) {
		errs = append(errs, Errorf("Epoch", "%s is not between 1970 and 9999", s.Epoch.UTC().Format(time.RFC3339)))
	}
	return errs
}

// epoch is the time that everything new carries, in whole seconds. With neither an Epoch nor a base that says when
// it was made it is 1970, which is as reproducible as any other.
func (s Spec) epoch(base Base) time.Time {
	switch {
	case !s.Epoch.IsZero():
		return time.Unix(s.Epoch.Unix(), 0).UTC()
	case base.Created.Unix() > 0:
		return time.Unix(base.Created.Unix(), 0).UTC()
	}
	return time.Unix(0, 0).UTC()
}

// settings joins what features set with what the Spec sets, which wins.
func (d *Draft) settings(field string, drafted map[string]drafted[string], own map[string]string, check func(k, v string) error) (map[string]drafted[string], []error) {
	var errs []error
	out := maps.Clone(drafted)
	for _, k := range sortedKeys(own) {
		out[k] = draftedString{own[k], []string{field}}
	}
	for _, k := range sortedKeys(out) {
		v := out[k]
		if err := check(k, v.value); err != nil {
			errs = append(errs, Errorf(field+"["+k+"]", "%w%s", err, by(v.features)))
		}
	}
	for _, c := range d.clashes {
		if c.field != field {
			continue
		}
		if _, decided := own[c.key]; !decided {
			errs = append(errs, Errorf(field+"["+c.key+"]", "%s sets it to %q, %s to %q: let one of them go, or set it in the Spec's %s",
				c.first.features[0], c.first.value, c.second.features[0], c.second.value, field))
		}
	}
	return out, errs
}

// by names the features that asked for something, for the end of a message.
func by(features []string) string {
	if len(features) == 0 || !strings.HasPrefix(features[0], "Features[") {
		return ""
	}
	return " (from " + list(features) + ")"
}
