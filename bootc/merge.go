package bootc

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// merge puts the entries of each phase in order and joins those that mean the same; the first phase that has an
// entry keeps it.
func (d *Draft) merge() []error {
	var errs []error
	type place struct {
		phase Phase
		index int
	}
	seen := map[string]place{}
	for phase := range phases {
		entries := d.entries[phase][:0:0]
		for _, e := range d.entries[phase] {
			at, ok := seen[e.Path]
			if !ok {
				seen[e.Path] = place{phase, len(entries)}
				entries = append(entries, e)
				continue
			}
			first := &entries
			if at.phase != phase {
				first = &d.entries[at.phase]
			}
			have := &(*first)[at.index]
			if diff, err := difference(*have, e); err != nil {
				errs = append(errs, atEntry(e, err))
			} else if diff != "" {
				errs = append(errs, atEntry(e, fmt.Errorf("%s puts the same path there with another %s", list(have.Features), diff)))
			}
			have.Features = union(have.Features, e.Features)
		}
		d.entries[phase] = entries
	}
	for phase := range phases {
		sortEntries(d.entries[phase])
	}
	return errs
}

func sortEntries(e []Entry) {
	slices.SortStableFunc(e, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
}

func atEntry(e Entry, err error) error {
	return &FieldError{Path: strings.Join(e.Features, "+"), Err: fmt.Errorf("%s: %w", quoted(e.Path), err)}
}

// quoted shows a path as it is, unless that could mislead.
func quoted(p string) string {
	if q := fmt.Sprintf("%q", p); p == "" || strings.Contains(p, " ") || len(q) != len(p)+2 {
		return q
	}
	return p
}

// difference names the first respect in which two entries of one path differ, or is empty.
func difference(a, b Entry) (string, error) {
	switch {
	case a.Mode.Type() != b.Mode.Type():
		return "type (" + typeName(a.Mode) + ", not " + typeName(b.Mode) + ")", nil
	case a.Mode.Type() == fs.ModeSymlink:
		if a.Link != b.Link {
			return fmt.Sprintf("target (%s, not %s)", quoted(a.Link), quoted(b.Link)), nil
		}
	case a.Mode != b.Mode:
		return fmt.Sprintf("mode (%04o, not %04o)", tarMode(a.Mode), tarMode(b.Mode)), nil
	}
	if a.UID != b.UID || a.GID != b.GID {
		return fmt.Sprintf("owner (%d:%d, not %d:%d)", a.UID, a.GID, b.UID, b.GID), nil
	}
	if a.Mode.IsRegular() {
		same, err := sameContent(a.Content, b.Content)
		if err != nil {
			return "", err
		}
		if !same {
			return "content", nil
		}
	}
	return "", nil
}

func typeName(m fs.FileMode) string {
	switch m.Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "symbolic link"
	}
	return m.Type().String()
}

func sameContent(a, b Content) (bool, error) {
	ra, err := a.Open()
	if err != nil {
		return false, err
	}
	defer ra.Close()
	rb, err := b.Open()
	if err != nil {
		return false, err
	}
	defer rb.Close()
	x, y := bufio.NewReader(ra), bufio.NewReader(rb)
	for {
		cx, errx := x.ReadByte()
		cy, erry := y.ReadByte()
		switch {
		case errx == io.EOF && erry == io.EOF:
			return true, nil
		case errx == io.EOF || erry == io.EOF:
			return false, nil
		case errx != nil || erry != nil:
			return false, errors.Join(errx, erry)
		case cx != cy:
			return false, nil
		}
	}
}
