package lint

import (
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// ReadShell reads a shell script and returns its commands, in order; lines count from 1. What cannot be expanded is not
// Known, and nothing is guessed. The commands before a syntax error are returned with it.
func ReadShell(script string) ([]*Command, error) {
	r := shell{vars: map[string]value{}, dir: "/"}
	err := r.read(script)
	return r.out, err
}

// shell walks a script. It knows what a reader knows who has the script and nothing else.
type shell struct {
	vars   map[string]value
	funcs  map[string]*syntax.Stmt
	dir    string
	step   *Step
	mounts []string
	line   int    // added to the positions of the parser
	fixed  [2]int // the position of everything, in a script that is an argument
	maybe  bool
	depth  int // of sh -c, functions and loops
	text   string
	atExit *Command // the trap that runs when the script ends
	out    []*Command
}

const (
	// maxScript and maxNesting keep the parser, which calls itself for each level, from using up the stack.
	maxScript  = 1 << 20
	maxNesting = 200
	maxDepth   = 8
	// maxCommands is for loops in loops.
	maxCommands = 20000
)

func (r *shell) read(script string) error {
	if len(script) > maxScript {
		return fmt.Errorf("the script has %d bytes; up to %d are read", len(script), maxScript)
	}
	if strings.Count(script, "(")+strings.Count(script, "{")+strings.Count(script, "`") > maxNesting && nesting(script) > maxNesting {
		return errors.New("the script is nested too deeply to be read")
	}
	r.text = script
	f, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	if e, ok := errors.AsType[syntax.ParseError](err); ok {
		err = fmt.Errorf("line %d: %s", int(e.Pos.Line())+r.line, e.Text)
	} else if e, ok := errors.AsType[syntax.LangError](err); ok {
		err = fmt.Errorf("line %d: %s", int(e.Pos.Line())+r.line, e.Feature)
	}
	if f != nil {
		r.stmts(f.Stmts)
		if c := r.atExit; c != nil {
			r.atExit = nil
			r.nested(c, c.Args[0].Text)
		}
	}
	return err
}

// nesting is a bound on how deep brackets are nested.
func nesting(s string) int {
	depth, deepest := 0, 0
	for _, c := range []byte(s) {
		switch c {
		case '(', '{', '`':
			depth++
		case ')', '}':
			depth = max(0, depth-1)
		}
		deepest = max(deepest, depth)
	}
	return deepest
}

func (r *shell) stmts(list []*syntax.Stmt) *Command {
	var last *Command
	for _, s := range list {
		last = r.stmt(s, nil)
	}
	return last
}

// stmt walks a statement and returns the command whose output is the statement's.
func (r *shell) stmt(s *syntax.Stmt, reads *Command) *Command {
	if s == nil || len(r.out) > maxCommands {
		return nil
	}
	var c *Command
	switch x := s.Cmd.(type) {
	case *syntax.CallExpr:
		return r.call(s, x, reads)
	case *syntax.DeclClause:
		for _, a := range x.Args {
			r.assign(a)
		}
		return nil
	case *syntax.BinaryCmd:
		c = r.binary(x, reads)
	case *syntax.Subshell:
		inner := r.inner()
		c = inner.stmts(x.Stmts)
		r.out = inner.out
	case *syntax.Block:
		c = r.stmts(x.Stmts)
	case *syntax.IfClause:
		for i := x; i != nil; i = i.Else {
			r.stmts(i.Cond)
			r.perhaps(i.Then)
		}
	case *syntax.WhileClause:
		r.stmts(x.Cond)
		r.perhaps(x.Do)
	case *syntax.ForClause:
		r.loop(x)
	case *syntax.CaseClause:
		for _, i := range x.Items {
			r.perhaps(i.Stmts)
		}
	case *syntax.TimeClause:
		c = r.stmt(x.Stmt, reads)
	case *syntax.CoprocClause:
		c = r.stmt(x.Stmt, reads)
	case *syntax.FuncDecl:
		if x.Name != nil {
			if r.funcs == nil {
				r.funcs = map[string]*syntax.Stmt{}
			}
			r.funcs[x.Name.Value] = x.Body
		}
		return nil
	}
	if len(s.Redirs) > 0 { // of a block, or with no command at all
		own := r.command(s)
		own.Reads = reads
		if c != nil {
			own.Output = c.Output
		}
		r.redirect(own, s)
		r.out = append(r.out, own)
	}
	return c
}

func (r *shell) assign(a *syntax.Assign) {
	if a.Name == nil || a.Naked {
		return
	}
	v := value{}
	if a.Array == nil && a.Index == nil {
		w := Word{Known: true}
		if a.Value != nil {
			w = r.word(a.Value)
		}
		v = value{w.Text, w.Known}
		if old, ok := r.vars[a.Name.Value]; a.Append {
			v = value{old.text + w.Text, w.Known && ok && old.known}
		}
	}
	r.vars[a.Name.Value] = v
}

// command makes a command at the statement's place.
func (r *shell) command(s *syntax.Stmt) *Command {
	c := &Command{Dir: r.dir, Maybe: r.maybe, Step: r.step, Mounts: r.mounts}
	c.Line, c.Column = r.place(s.Pos())
	c.Text = r.between(s.Pos(), s.End())
	return c
}

func (r *shell) place(p syntax.Pos) (line, column int) {
	if r.fixed[0] > 0 {
		return r.fixed[0], r.fixed[1]
	}
	return int(p.Line()) + r.line, int(p.Col())
}

// between is the text of a node on one line, without broken lines.
func (r *shell) between(from, to syntax.Pos) string {
	a, b := int(from.Offset()), int(to.Offset())
	if a > b || b > len(r.text) {
		return ""
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(r.text[a:b], "\\\n", " ")), " ")
}
