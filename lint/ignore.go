package lint

import (
	"io/fs"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// ignores reads the file that says which files of a context the builder does not see
// (https://github.com/containers/common/blob/main/docs/containerignore.5.md); nil if there is none.
func ignores(context fs.FS) *patternmatcher.PatternMatcher {
	if context == nil {
		return nil
	}
	for _, name := range []string{".containerignore", ".dockerignore"} {
		f, err := context.Open(name)
		if err != nil {
			continue
		}
		defer f.Close()
		patterns, err := ignorefile.ReadAll(f)
		if err != nil {
			return nil
		}
		m, err := patternmatcher.New(patterns)
		if err != nil {
			return nil
		}
		return m
	}
	return nil
}

// ignored says whether the builder does not see a file of the context.
func (l *lowering) ignored(name string) bool {
	if l.ignore == nil || name == "." {
		return false
	}
	ok, err := l.ignore.MatchesOrParentMatches(name)
	return ok && err == nil
}
