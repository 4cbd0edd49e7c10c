package lint

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestRouter: the Wants that a path meets are those whose pattern matches it, in whatever order paths come.
func TestRouter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	path := func(n int, words ...string) string {
		var b strings.Builder
		for range 1 + r.IntN(n) {
			b.WriteString("/" + pick(words...))
		}
		return b.String()
	}
	var globs []glob
	rule := Rule{}
	for len(globs) < 400 {
		p := path(4, "a", "b", "a.conf", "*", "**", "*.conf", "b*", "?")
		g, err := compileGlob(p)
		if err != nil {
			t.Fatal(p, err)
		}
		globs, rule.Wants = append(globs, g), append(rule.Wants, Want{Glob: p})
	}
	router := newRouter([]Rule{rule})
	met := 0
	for range 3000 {
		p := path(5, "a", "b", "ba", "c", "a.conf", "b.conf")
		var want, got []string
		for i, g := range globs {
			if g.match(p) {
				want = append(want, rule.Wants[i].Glob)
			}
		}
		for _, w := range router.wants(p, 0, true) {
			got = append(got, w.Glob)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%s meets %q, want %q", p, got, want)
		}
		met += len(got)
	}
	if met == 0 {
		t.Error("nothing was met")
	}
}
