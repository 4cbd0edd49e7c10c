//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// withMarkers prints f with a marker in the place of each image that a stage starts from: the worker pulls those, and
// puts in the names that its store has for them.
func withMarkers(f containerfile.File, b bootc.Base) ([]byte, []from, error) {
	if len(f.Stages) == 0 {
		return nil, nil, errors.New("the plan's Containerfile has no stage")
	}
	f = inOrder(f)
	froms := make([]from, len(f.Stages))
	base := len(f.Stages) - 1 // of the stages that lead to the last one, the first
	for {
		parent, ok := f.Lookup(f.Stages[base].From, base)
		if !ok {
			break
		}
		base = parent
	}
	for i, s := range f.Stages {
		froms[i].Name = s.Name
		_, isStage := f.Lookup(s.From, i)
		if isStage || s.From == "scratch" {
			continue
		}
		if strings.Contains(s.From, "$") {
			if i == base {
				return nil, nil, fmt.Errorf("FROM %s: the base of the image must not depend on an ARG", s.From)
			}
			continue
		}
		if s.Platform != "" && i == base {
			f.Stages[i].Platform = ""
		}
		froms[i].Image, froms[i].Base = s.From, i == base
		if b.Local() && s.From == b.From() {
			froms[i].Image = absolute(b.Ref)
		}
		f.Stages[i].From = marker(froms[i].Image)
	}
	var text bytes.Buffer
	_, err := f.WriteTo(&text)
	return text.Bytes(), froms, err
}

// marker stands for the reference of a base in the Containerfile that a worker gets.
func marker(ref string) string { return fmt.Sprintf("bootloom.invalid/%x", sha256.Sum256([]byte(ref))) }

// images lists the references that the build starts from.
func (r *request) images() []string {
	var refs []string
	for _, f := range r.Froms {
		if f.Image != "" {
			refs = append(refs, f.Image)
		}
	}
	return refs
}

// withNames puts the names that the store has in the place of references: each stands in the text as a marker.
func withNames(text []byte, names map[string]string) []byte {
	var pairs []string
	for ref, name := range names {
		pairs = append(pairs, marker(ref), name)
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(text)))
}
