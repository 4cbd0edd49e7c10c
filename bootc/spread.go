package bootc

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// maxLayers is the highest Spec.Layers. Stores of images stop at 500 layers in all, and some bases have more than a hundred.
const maxLayers = 200

// spread puts the files of each feature into a layer of their own, as far as Spec.Layers allows. A feature is told by its kind
// and the first path that it has, and not by its place in the Spec, so that a layer does not change with its neighbours.
type spread struct {
	waiting  []group
	segments []segment
}

// segment has the files that have to be there before the step at an index.
type segment struct {
	at     int
	groups []group
}

// group has the files of one feature, or of several that share each of them, in one segment.
type group struct {
	phase   Phase
	origin  string
	entries []Entry
	bits    int    // that the size of the files in bytes has
	name    string // tells features apart, whatever else the Spec has
	own     bool   // has a layer of its own
}

// wait takes the files of a phase.
func (s *spread) wait(p Phase, entries []Entry) {
	at := map[string]int{}
	for i, g := range s.waiting {
		at[g.origin] = i
	}
	for _, e := range entries {
		origin := strings.Join(e.Features, "+")
		i, ok := at[origin]
		if !ok {
			i = len(s.waiting)
			at[origin] = i
			s.waiting = append(s.waiting, group{phase: p, origin: origin})
		}
		s.waiting[i].entries = append(s.waiting[i].entries, e)
	}
}

// here has the files that wait be there before the step at an index.
func (s *spread) here(at int) {
	if len(s.waiting) > 0 {
		for i := range s.waiting {
			s.waiting[i].measure()
		}
		s.segments = append(s.segments, segment{at, withParents(s.waiting)})
	}
	s.waiting = nil
}

// withParents adds to each group the directories above its files that another one asks for, so that the first layer which
// needs one makes it as it should be. A group of which nothing else is left goes.
func withParents(groups []group) []group {
	dirs := map[string]Entry{}
	for _, g := range groups {
		for _, e := range g.entries {
			if e.Mode.IsDir() {
				e.Features = nil // the layer of another group is not theirs
				dirs[e.Path] = e
			}
		}
	}
	taken := map[string]bool{}
	for i := range groups {
		g := &groups[i]
		seen := map[string]bool{"/": true}
		for _, e := range g.entries {
			seen[e.Path] = true
		}
		for _, e := range slices.Clone(g.entries) {
			for p := path.Dir(e.Path); !seen[p]; p = path.Dir(p) {
				seen[p] = true
				if d, ok := dirs[p]; ok {
					g.entries = append(g.entries, d)
					taken[p] = true
				}
			}
		}
	}
	return slices.DeleteFunc(groups, func(g group) bool {
		return !slices.ContainsFunc(g.entries, func(e Entry) bool { return !taken[e.Path] })
	})
}

// spreadOut adds the steps that unpack the files: the largest groups have a layer each, and in each segment the others share
// one. How large a group is counts in powers of two, and its name decides where that is the same, so that a feature which
// comes, goes or grows moves at most one other between those that have a layer and those that share.
func (f *finalStage) spreadOut() {
	var all []*group
	for i := range f.spread.segments {
		for j := range f.spread.segments[i].groups {
			all = append(all, &f.spread.segments[i].groups[j])
		}
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.bits, a.bits), strings.Compare(a.name, b.name))
	})
	own := f.layers - len(f.spread.segments) // each segment has one that is shared
	if len(all) <= f.layers {
		own = len(all)
	}
	for i, g := range all {
		g.own = i < own
	}
	added := 0
	for _, s := range f.spread.segments {
		added += f.insert(s.at+added, s.layers())
	}
}

// layers are the groups of a segment: those that have a layer of their own, of which large ones come first, as they change
// less often, and then the others as one.
func (s segment) layers() []group {
	var large, small []group
	var shared group
	seen := map[string]bool{} // directories above files of several groups
	for _, g := range s.groups {
		switch {
		case g.own && g.bits >= bits.Len64(largeFile):
			large = append(large, g)
		case g.own:
			small = append(small, g)
		default:
			if shared.entries == nil {
				shared.phase = g.phase
			}
			for _, e := range g.entries {
				if !seen[e.Path] {
					seen[e.Path] = true
					shared.entries = append(shared.entries, e)
				}
			}
		}
	}
	if shared.entries != nil {
		small = append(small, shared)
	}
	return append(large, small...)
}

// measure finds out how large the group is, and what it is called.
func (g *group) measure() {
	size, first := uint64(0), g.entries[0].Path
	for _, e := range g.entries {
		if n, err := e.Content.Size(); err == nil && e.Mode.IsRegular() {
			size += uint64(n)
		}
		first = min(first, e.Path)
	}
	sum := sha256.Sum256([]byte(strings.Join(kinds(featuresOf(g.entries)), "+") + " " + first))
	g.bits, g.name = bits.Len64(size), hex.EncodeToString(sum[:4])
}

var notInName = lazyregexp.New(`[^A-Za-z0-9.]+`)

// insert adds the steps for layers at an index, and says how many.
func (f *finalStage) insert(at int, layers []group) int {
	var steps []containerfile.Step
	var origins [][]string
	for _, g := range layers {
		slices.SortStableFunc(g.entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
		features := inOrder(featuresOf(g.entries))
		name := fmt.Sprintf("%s-%s-%s.tar", g.phase, notInName.ReplaceAllString(kinds(features)[0], "-"), g.name)
		if !g.own {
			name = g.phase.String() + "-shared.tar"
		}
		f.archives = append(f.archives, Archive{name, g.entries, f.epoch})
		steps = append(steps, containerfile.Comment(summary(g.phase, g.entries, features)), containerfile.Add{Sources: []string{name}, Dest: "/"})
		origins = append(origins, features, features)
	}
	f.stage.Steps = slices.Insert(f.stage.Steps, at, steps...)
	f.origins = slices.Insert(f.origins, at, origins...)
	return len(steps)
}
