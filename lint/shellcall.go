package lint

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

func (r *shell) call(s *syntax.Stmt, x *syntax.CallExpr, reads *Command) *Command {
	if len(x.Args) == 0 {
		for _, a := range x.Assigns {
			r.assign(a)
		}
		if len(s.Redirs) == 0 {
			return nil
		}
	}
	c := r.command(s)
	c.Reads = reads
	if reads != nil {
		c.Input = reads.Output
	}
	for _, redirect := range s.Redirs {
		r.input(c, redirect)
	}
	words := unwrap(r.words(x.Args))
	if len(words) > 0 {
		if words[0].Known {
			c.Name = path.Base(words[0].Text)
			c.program = words[0].Text
		}
		c.Args = words[1:]
	}
	if done := r.special(c); done {
		return c
	}
	c.Output = output(c)
	r.out = append(r.out, c)
	r.redirect(c, s)
	c.Writes = append(c.Writes, writes(c)...)
	return c
}

// special handles what changes the shell itself, and scripts in arguments.
func (r *shell) special(c *Command) bool {
	switch {
	case c.Is("cd", "pushd"):
		dir, known := "/root", true // cd alone goes home
		if ops := c.Operands(); len(ops) > 0 {
			dir, known = c.abs(ops[0])
		}
		if r.dir = dir; !known {
			r.dir = ""
		}
	case c.Is("popd"):
		r.dir = ""
	case c.Is("trap"):
		if len(c.Args) == 2 && c.Args[0].Known && (c.Args[1].Text == "EXIT" || c.Args[1].Text == "0") {
			r.atExit = c
		}
	case c.Is("unset"):
		for _, w := range c.Operands() {
			delete(r.vars, w.Text)
		}
	case c.Is("read", "getopts", "mapfile", "readarray"):
		for _, w := range c.Operands() {
			r.vars[w.Text] = value{}
		}
	case c.Is("eval"):
		text, known := join(c.Args)
		return known && r.nested(c, text)
	case c.Is("sh", "bash", "dash", "ash", "zsh", "ksh"):
		for i, w := range c.Args {
			if strings.HasPrefix(w.Text, "-") && !strings.HasPrefix(w.Text, "--") && strings.HasSuffix(w.Text, "c") && i+1 < len(c.Args) {
				return c.Args[i+1].Known && r.nested(c, c.Args[i+1].Text)
			}
		}
		if len(c.Operands("-o")) == 0 && c.Input.Known && c.Input.Text != "" {
			return r.nested(c, c.Input.Text)
		}
	default:
		if body, ok := r.funcs[c.Name]; ok && c.Name != "" && r.depth < maxDepth {
			r.depth++
			r.stmt(body, c.Reads)
			r.depth--
			return true
		}
	}
	return false
}

// nested walks a script that is an argument or the input of a shell. Its commands have the place of that.
func (r *shell) nested(c *Command, script string) bool {
	if r.depth >= maxDepth {
		return false
	}
	inner := r.inner()
	inner.depth++
	inner.atExit = nil
	inner.fixed = [2]int{c.Line, c.Column}
	n := len(inner.out)
	if err := inner.read(script); err != nil {
		return false
	}
	r.out = inner.out
	if len(r.out) > n && c.Reads != nil {
		r.out[n].Reads = c.Reads
	}
	return true
}

// input notes what a redirection gives the command to read.
func (r *shell) input(c *Command, x *syntax.Redirect) {
	switch x.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		c.Input = Word{Known: true}
		if x.Hdoc != nil {
			c.Input = r.word(x.Hdoc)
		}
	case syntax.WordHdoc:
		c.Input = r.word(x.Word)
		c.Input.Text += "\n"
	}
}

// redirect notes what a statement's redirections write.
func (r *shell) redirect(c *Command, s *syntax.Stmt) {
	for _, x := range s.Redirs {
		op := Create
		switch x.Op {
		case syntax.RdrOut, syntax.RdrClob, syntax.RdrAll:
		case syntax.AppOut, syntax.AppAll:
			op = Append
		default:
			continue
		}
		target := r.word(x.Word)
		p, ok := c.abs(target)
		if !ok || strings.HasPrefix(p, "/dev/") {
			continue
		}
		w := Write{Op: op, Path: p, Command: c}
		if x.N == nil || x.N.Value == "1" {
			w.Content, w.Known = []byte(c.Output.Text), c.Output.Known
			if c.Is("cat") && len(c.Operands()) == 0 {
				w.Content, w.Known = []byte(c.Input.Text), c.Input.Known
			}
		}
		w.Line, _ = r.place(x.Pos())
		c.Writes = append(c.Writes, w)
	}
}
