package lint

import (
	"maps"
	"slices"
)

// stageRoot is the root of a build stage while its steps are gone through, without what its base image has.
type stageRoot struct {
	files map[string]*vfile
	below map[string]int // how many files are below a directory, at any depth
}

func newStageRoot() *stageRoot { return &stageRoot{map[string]*vfile{}, map[string]int{}} }

func (r *stageRoot) clone() *stageRoot { return &stageRoot{maps.Clone(r.files), maps.Clone(r.below)} }

// set puts a file there.
func (r *stageRoot) set(v *vfile) {
	if r.files[v.Path] == nil {
		for dir := parent(v.Path); dir != ""; dir = parent(dir) {
			r.below[dir]++
		}
	}
	r.files[v.Path] = v
}

// remove takes a file away, and with below all that is below it.
func (r *stageRoot) remove(p string, below bool) {
	for _, name := range r.under(p) {
		if name != p && !below {
			continue
		}
		delete(r.files, name)
		for dir := parent(name); dir != ""; dir = parent(dir) {
			r.below[dir]--
		}
	}
}

// under is p and what is below it, by path.
func (r *stageRoot) under(p string) []string {
	var out []string
	if r.files[p] != nil {
		out = append(out, p)
	}
	if r.below[p] == 0 {
		return out
	}
	for name := range r.files {
		if name != p && under(name, p) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// isDir says whether p is a directory, as far as the root tells.
func (r *stageRoot) isDir(p string) bool {
	if v := r.files[p]; v != nil {
		return v.IsDir()
	}
	return r.below[p] > 0
}
