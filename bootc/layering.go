package bootc

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bootloom/bootloom/containerfile"
)

// finalStage grows the last stage of a Containerfile. Files that no other step keeps apart wait for each other, to be
// unpacked by one ADD of one archive: every step, and every source of a step, costs a build a tenth of a second.
//
// It is ADD of a tar and not COPY of a tree, because the builder takes owner and mode of each entry from the tar,
// whatever the file system that holds the context can express, and leaves directories alone that the tar only passes
// through.
type finalStage struct {
	stage    containerfile.Stage
	epoch    time.Time
	origins  [][]string // for each step
	archives []Archive

	waiting     []Entry
	waitingName []string // phases

	layers int // Spec.Layers; then it is spread that adds the files
	spread spread
}

// add adds a step.
func (f *finalStage) add(step containerfile.Step, features []string) {
	f.stage.Steps = append(f.stage.Steps, step)
	f.origins = append(f.origins, inOrder(features))
}

// flush adds the ADD for the entries that wait.
func (f *finalStage) flush() {
	f.spread.here(len(f.stage.Steps))
	if len(f.waiting) > 0 {
		slices.SortStableFunc(f.waiting, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
		f.unpack(strings.Join(f.waitingName, "-"), f.waiting)
	}
	f.waiting, f.waitingName = nil, nil
}

func (f *finalStage) unpack(name string, entries []Entry) {
	name += ".tar"
	f.archives = append(f.archives, Archive{name, entries, f.epoch})
	f.add(containerfile.Add{Sources: []string{name}, Dest: "/"}, featuresOf(entries))
}

// phase adds what has been drafted for one phase: its large files, its small ones, its steps.
func (f *finalStage) phase(p Phase, entries []Entry, steps []drafted[containerfile.Step]) {
	if len(entries)+len(steps) == 0 {
		return
	}
	if f.layers > 0 {
		f.spread.wait(p, entries)
		entries = nil
	}
	features := featuresOf(entries)
	for _, s := range steps {
		features = union(features, s.features)
	}
	if len(features) == 0 {
		return // there are only files, which wait
	}
	large, small := bySize(entries)
	if len(large) > 0 || len(small) == 0 { // nothing of this phase can go with what waits
		f.flush()
	}
	f.add(containerfile.Comment(summary(p, entries, inOrder(features))), features)
	if len(large) > 0 {
		f.unpack(p.String()+"-large", large)
	}
	if len(small) > 0 {
		f.waiting = append(f.waiting, small...)
		f.waitingName = append(f.waitingName, p.String())
	}
	if len(steps) > 0 {
		f.flush()
	}
	for _, s := range steps {
		f.add(s.value, s.features)
	}
}

// largeFile is from where on a file gets a layer apart from the small ones of its phase, which change more often: a
// new line in a drop-in then costs a device that line, and not the agent's binary beside it.
const largeFile = 1 << 20

// bySize splits the entries of a phase. Directories above a large file that were asked for are in both parts, so that
// the first to be unpacked makes them as they should be.
func bySize(entries []Entry) (large, small []Entry) {
	inLarge := map[string]bool{} // large files and the directories above them
	for _, e := range entries {
		if n, err := e.Content.Size(); !e.Mode.IsRegular() || err != nil || n < largeFile {
			continue
		}
		for p := e.Path; p != "/"; p = path.Dir(p) {
			inLarge[p] = true
		}
	}
	for _, e := range entries {
		if inLarge[e.Path] {
			large = append(large, e)
		}
		if !inLarge[e.Path] || e.Mode.IsDir() {
			small = append(small, e)
		}
	}
	if !slices.ContainsFunc(small, func(e Entry) bool { return !inLarge[e.Path] }) {
		small = nil // nothing but directories that are there by now
	}
	return large, small
}

func featuresOf(entries []Entry) []string {
	var out []string
	for _, e := range entries {
		out = union(out, e.Features)
	}
	return out
}
