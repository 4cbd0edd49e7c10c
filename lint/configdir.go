package lint

import (
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
)

// mistake is a line of a configuration file that cannot be read.
type mistake struct {
	line int
	err  error
}

// configFiles are the files of drop-in directories that a program reads, by name: of those with the same name the one of the first directory,
// and none where that is a link to /dev/null. dirs has the one that wins first.
func configFiles(t *Tree, dirs []string, ext string) []*File {
	byName := map[string]*File{}
	for _, dir := range slices.Backward(dirs) {
		for f := range t.In(dir) {
			if path.Ext(f.Name()) == ext {
				byName[f.Name()] = f
			}
		}
	}
	var out []*File
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		f := byName[name]
		if f.IsLink() {
			f, _ = t.Resolve(f.Path)
		}
		if f != nil && f.IsRegular() {
			out = append(out, f)
		}
	}
	return out
}

// configWants are for rules that read configFiles.
func configWants(dirs []string, ext string) []Want {
	var out []Want
	for _, dir := range dirs {
		out = append(out, Want{Glob: dir + "/*" + ext})
	}
	return out
}

// configLines yields the lines of such a file with their numbers, from 1: without spaces around, and without empty ones and
// those that begin with one of comments.
func configLines(text, comments string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(text) {
			n++
			if line = strings.TrimSpace(line); line != "" && strings.IndexByte(comments, line[0]) < 0 && !yield(n, line) {
				return
			}
		}
	}
}
