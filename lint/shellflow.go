package lint

import (
	"maps"
	"slices"

	"mvdan.cc/sh/v3/syntax"
)

func (r *shell) binary(x *syntax.BinaryCmd, reads *Command) *Command {
	switch x.Op {
	case syntax.Pipe, syntax.PipeAll:
		left := r.inner() // each side of a pipe is a process of its own
		from := left.stmt(x.X, reads)
		r.out = left.out
		right := r.inner()
		c := right.stmt(x.Y, from)
		r.out = right.out
		return c
	case syntax.OrStmt:
		r.stmt(x.X, reads)
		before := r.maybe
		r.maybe = true
		c := r.stmt(x.Y, nil)
		r.maybe = before
		return c
	}
	r.stmt(x.X, reads)
	return r.stmt(x.Y, nil)
}

// inner is the shell of a subshell: what it changes of itself is gone afterwards.
func (r *shell) inner() *shell {
	c := *r
	c.vars = maps.Clone(r.vars)
	return &c
}

// perhaps walks statements that run only under some condition: variables that they set are not known afterwards.
func (r *shell) perhaps(list []*syntax.Stmt) {
	inner := r.inner()
	inner.maybe = true
	inner.stmts(list)
	r.out = inner.out
	for name, v := range inner.vars {
		if old, ok := r.vars[name]; !ok || old != v {
			r.vars[name] = value{}
		}
	}
	if inner.dir != r.dir {
		r.dir = ""
	}
}

// loop walks the body once for each word, where the words are known.
func (r *shell) loop(x *syntax.ForClause) {
	const most = 64
	words, ok := x.Loop.(*syntax.WordIter)
	if !ok || r.depth >= maxDepth {
		r.perhaps(x.Do)
		return
	}
	items := r.words(words.Items)
	if len(items) == 0 || len(items) > most || slices.ContainsFunc(items, func(w Word) bool { return !w.Known || w.Glob }) {
		r.vars[words.Name.Value] = value{}
		r.perhaps(x.Do)
		return
	}
	r.depth++
	for _, w := range items {
		r.vars[words.Name.Value] = value{w.Text, true}
		r.stmts(x.Do)
	}
	r.depth--
}
