package bootc

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Stage is a build stage of its own: what it takes to make something stays there, and what is made is copied into the
// image.
type Stage struct {
	// Name of lower case letters, digits, "-", "_" and ".".
	Name string
	// From is the image that the stage starts from, as a full reference, or the name of a Stage before this one. The
	// zero value is the image's own base, which has the kernel that a driver is built for.
	From string `json:",omitzero"`
	// Trees are copied into the stage before anything runs: sources, for instance.
	Trees []Tree `json:",omitzero"`
	// Scripts run in this order; their Phase is not used.
	Scripts []Script `json:",omitzero"`
	// Copies go from the stage to the image, in the phase named by Phase; the zero value is "files".
	Copies []StageCopy
	Phase  string `json:",omitzero"`
}

// StageCopy copies a file, or the content of a directory.
type StageCopy struct {
	// Source in the stage and Dest in the image are absolute and clean. Directories on the way are made.
	Source, Dest string
	// Mode in octal for everything that is copied, such as "0755"; the zero value keeps what the stage has, setuid and
	// setgid bits too, which Mode cannot set: builders drop them.
	Mode string `json:",omitzero"`
}

var (
	stageName = lazyregexp.New(`^[a-z][a-z0-9_.-]*$`)
	octal     = lazyregexp.New(`^0?[0-7]{3}$`)
)

// Contribute adds the stage and the steps that copy from it.
func (s Stage) Contribute(d *Draft) error {
	phase, err := phaseNamed(s.Phase, PhaseFiles)
	errs := []error{err}
	from, err := d.stageFrom(s.From)
	if err != nil {
		errs = append(errs, &FieldError{Path: "From", Err: err})
	}
	var entries []Entry
	for i, t := range s.Trees {
		e, err := t.entries(d)
		errs = append(errs, within(indexed("Trees", i), err)...)
		entries = append(entries, e...)
	}
	stage := containerfile.Stage{Name: s.Name, From: from}
	for i, sc := range s.Scripts {
		run, err := sc.run()
		errs = append(errs, within(indexed("Scripts", i), err)...)
		stage.Steps = append(stage.Steps, run)
	}
	if len(s.Copies) == 0 {
		errs = append(errs, Errorf("Copies", "is empty: the image would have nothing from the stage"))
	}
	for i, c := range s.Copies {
		errs = append(errs, within(indexed("Copies", i), c.check())...)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.Stage(stage, entries...)
	for _, c := range s.Copies {
		d.Add(phase, containerfile.Copy{
			From:    s.Name,
			Sources: []string{containerfile.Literal(c.Source)},
			Dest:    containerfile.Literal(c.Dest),
			Chmod:   c.Mode,
		})
	}
	return nil
}

// stageFrom is what the FROM of a stage says for an image in a registry, for a stage before it, or for the base, which is
// the empty string.
func (d *Draft) stageFrom(from string) (string, error) {
	switch {
	case from == "":
		return d.base.From(), nil
	case slices.ContainsFunc(d.stages, func(st draftedStage) bool { return st.value.Name == from }):
		return from, nil
	}
	if err := checkRef(from); err != nil {
		return "", err
	}
	transport, rest := splitRef(from)
	if transport != "docker" {
		return "", fmt.Errorf("%q is not in a registry", from)
	}
	return rest, nil
}

func (c StageCopy) check() error {
	var errs []error
	if err := (Entry{Path: c.Source}).check(); err != nil {
		errs = append(errs, Errorf("Source", "%s: %w", quoted(c.Source), err))
	}
	if err := (Entry{Path: c.Dest}).place(); err != nil {
		errs = append(errs, Errorf("Dest", "%s: %w", quoted(c.Dest), err))
	}
	if c.Mode != "" && !octal.MatchString(c.Mode) {
		errs = append(errs, Errorf("Mode", "%q is not three octal digits, such as 0755; bits like setuid come with the file if the stage has set them", c.Mode))
	}
	return errors.Join(errs...)
}

// entries are the tree's files as it would put them.
func (t Tree) entries(d *Draft) ([]Entry, error) {
	files := newDraft(d.base)
	if err := t.Contribute(files); err != nil {
		return nil, err
	}
	return files.entries[PhaseFiles], nil
}

// checkStages looks at the build stages, and at the files that they are given.
func (d *Draft) checkStages() []error {
	var errs []error
	seen := map[string]string{}
	for _, s := range d.stages {
		name, origin := s.value.Name, list(s.features)
		fail := func(format string, args ...any) { errs = append(errs, Errorf(origin, format, args...)) }
		switch {
		case !stageName.MatchString(name) || name == "scratch":
			fail("the build stage %q needs a name of lower case letters, digits, '-', '_' and '.', not scratch", name)
		case seen[name] != "":
			fail("the build stage %s is also made by %s: give one of them another name", name, seen[name])
		default:
			seen[name] = origin
		}
		if s.value.From == "" {
			fail("the build stage %s does not say what it is built from", name)
		}
		sortEntries(s.entries)
		for i, e := range s.entries {
			if err := e.check(); err != nil {
				errs = append(errs, atEntry(e, err))
			} else if i > 0 && s.entries[i-1].Path == e.Path {
				errs = append(errs, atEntry(e, fmt.Errorf("is put into the stage %s twice", name)))
			}
		}
	}
	return errs
}
