package lint

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// router tells which Wants a path meets. Patterns are filed under their directory, or under name or suffix where they
// apply anywhere, so that a path costs a few look-ups however many rules there are.
type router struct {
	exact    map[string][]Want
	below    map[string][]pattern
	names    map[string][]Want
	suffixes map[string][]Want // by extension
	rest     []pattern         // that apply anywhere, and must be tried

	dir   string    // of the last path
	in    []pattern // that files right in dir may meet
	paths []Want
}

// pattern is a glob in two parts, of which the first is tried once for all files of a directory.
type pattern struct {
	files glob   // with any name
	name  string // that a file must have as well
	want  Want
}

// newPattern splits a glob that is not literal.
func newPattern(g glob, w Want) pattern {
	n := len(g.parts) - 1
	last := g.parts[n]
	if last == "**" { // which takes the name at least
		return pattern{g, "*", w}
	}
	g.parts = append(slices.Clone(g.parts[:n]), "*")
	return pattern{g, last, w}
}

func newRouter(rules []Rule) *router {
	r := &router{exact: map[string][]Want{}, below: map[string][]pattern{}, names: map[string][]Want{}, suffixes: map[string][]Want{}}
	for _, rule := range rules {
		for _, w := range rule.Wants {
			g, err := compileGlob(w.Glob)
			if err != nil {
				continue // checkRules has said so
			}
			if len(w.Having) > 0 {
				w.having = literalsOf(w.Having)
			}
			last := ""
			if n := len(g.parts); n > 0 {
				last = g.parts[n-1]
			}
			anywhere := g.prefix == "/" && len(g.parts) == 2 && g.parts[0] == "**"
			switch {
			case g.literal:
				r.exact[g.prefix] = append(r.exact[g.prefix], w)
			case anywhere && !strings.ContainsAny(last, `*?[\`):
				r.names[last] = append(r.names[last], w)
			case anywhere && len(last) > 1 && last[0] == '*' && !strings.ContainsAny(last[1:], `*?[\`) && path.Ext(last) == last[1:]:
				r.suffixes[last[1:]] = append(r.suffixes[last[1:]], w)
			case g.prefix == "/":
				r.rest = append(r.rest, newPattern(g, w))
			default:
				r.below[g.prefix] = append(r.below[g.prefix], newPattern(g, w))
			}
		}
	}
	return r
}

// fork is a router that another goroutine may use.
func (r *router) fork() *router {
	c := *r
	c.dir, c.in, c.paths = "", nil, nil
	return &c
}

// wants returns the Wants for a regular file. The result is good until the next call.
func (r *router) wants(p string, mode fs.FileMode, derived bool) []Want {
	slash := strings.LastIndexByte(p, '/')
	if dir := p[:max(slash, 1)]; dir != r.dir {
		r.dir, r.in = dir, r.in[:0]
		for d := dir; d != ""; d = parent(d) {
			r.enter(p, r.below[d])
		}
		r.enter(p, r.rest)
	}
	r.paths = r.paths[:0]
	add := func(w Want) {
		if (derived || !w.Derived) && (w.Mode == 0 || mode&w.Mode != 0) {
			r.paths = append(r.paths, w)
		}
	}
	for _, w := range r.exact[p] {
		add(w)
	}
	name := p[slash+1:]
	for _, w := range r.names[name] {
		add(w)
	}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 && len(r.suffixes) > 0 {
		for _, w := range r.suffixes[name[dot:]] {
			add(w)
		}
	}
	for _, c := range r.in {
		if matchName(c.name, name) {
			add(c.want)
		}
	}
	return r.paths
}

// enter takes the patterns that files beside p may meet.
func (r *router) enter(p string, patterns []pattern) {
	for _, c := range patterns {
		if c.files.match(p) {
			r.in = append(r.in, c)
		}
	}
}

// need is what a set of Wants comes to for one file.
type need struct {
	max    int64 // up to which size the content is kept; 0 for not at all
	loud   bool  // a larger file is to be reported
	digest bool
	having []Want // that keep it only if it has one of their strings
}

// none says that nobody wants anything.
func (n need) none() bool { return n.max == 0 && !n.digest && len(n.having) == 0 }

func sum(wants []Want) need {
	var n need
	for _, w := range wants {
		switch {
		case w.Digest:
			n.digest = true
		case w.having != nil:
			n.having = append(n.having, w)
		default:
			n.max = max(n.max, w.max())
			n.loud = n.loud || !w.Quiet
		}
	}
	return n
}

// keeps says whether the content is to be kept for what it has in it.
func (n need) keeps(content []byte) bool {
	if bytes.IndexByte(content[:min(len(content), 8<<10)], 0) >= 0 {
		return false
	}
	for i, w := range n.having {
		again := slices.ContainsFunc(n.having[:i], func(o Want) bool { return o.having == w.having && o.max() >= w.max() })
		if !again && int64(len(content)) <= w.max() && w.having.any(content) {
			return true
		}
	}
	return false
}
