package lint

import (
	"io/fs"
	"strings"
)

// Write is one change that a command makes to a file.
type Write struct {
	Op WriteOp
	// Path of the file, absolute; a pattern if Glob is set, which only Remove, Chmod and Chown have.
	Path string
	Glob bool
	// From is what Copy and Move bring there; a file of the image, or one of a mount.
	From string
	// Link is the target that Symlink gives the link.
	Link string
	// Content that is written or added, if Known.
	Content []byte
	Known   bool
	// Mode that the file gets, if HasMode; permissions and setuid, setgid and sticky bits.
	Mode    fs.FileMode
	HasMode bool
	// Below says that the whole directory is meant.
	Below bool
	// Line in the Containerfile or script.
	Line int
	// Command that does it.
	Command *Command
}

// WriteOp says what a Write does.
type WriteOp int

const (
	Create  WriteOp = iota // makes the file, or replaces its content
	Append                 // adds to its end
	Edit                   // changes it in place
	Copy                   // brings another file there
	Move                   // and takes it away from where it was
	Remove                 // deletes it
	Mkdir                  // makes a directory
	Symlink                // makes a symbolic link
	Chmod                  // changes the mode
	Chown                  // changes the owner
)

var writeNames = [...]string{"create", "append", "edit", "copy", "move", "remove", "mkdir", "symlink", "chmod", "chown"}

// String returns the name in lower case.
func (o WriteOp) String() string { return writeNames[o] }

// writes are the changes that the command makes by itself, redirections apart.
func writes(c *Command) []Write {
	var out []Write
	add := func(op WriteOp, w Word, change func(*Write)) {
		p, ok := c.abs(w)
		if !ok || strings.HasPrefix(p, "/dev/") {
			return
		}
		wr := Write{Op: op, Path: p, Glob: w.Glob, Command: c, Line: c.Line}
		if w.Glob && op != Remove && op != Chmod && op != Chown {
			return
		}
		if change != nil {
			change(&wr)
		}
		out = append(out, wr)
	}
	each := func(op WriteOp, words []Word, change func(*Write)) {
		for _, w := range words {
			add(op, w, change)
		}
	}
	switch c.Name {
	case "tee":
		op := Create
		if c.Has("-a", "--append") {
			op = Append
		}
		each(op, c.Operands(), func(w *Write) { w.Content, w.Known = []byte(c.Input.Text), c.Input.Known })
	case "touch":
		each(Append, c.Operands("-d", "-t", "-r", "--date", "--reference"), func(w *Write) { w.Known = true })
	case "truncate":
		each(Create, c.Operands("-s", "--size", "-r"), func(w *Write) {
			size, _ := c.Value("-s", "--size")
			w.Known = size.Text == "0"
		})
	case "mkdir":
		each(Mkdir, c.Operands("-m", "--mode"), mode(c, "-m", "--mode"))
	case "rm", "rmdir", "unlink", "shred":
		each(Remove, c.Operands(), func(w *Write) { w.Below = c.Has("-r", "-R", "--recursive") })
	case "find":
		for _, w := range c.Args { // where it looks comes before what it looks for
			if !c.Has("-delete") || strings.HasPrefix(w.Text, "-") || w.Text == "(" || w.Text == "!" {
				break
			}
			add(Remove, Word{Text: strings.TrimSuffix(w.Text, "/") + "/**", Known: w.Known, Glob: true}, nil)
		}
	case "cp", "mv", "install", "ln", "rsync":
		copies(c, add)
	case "sed", "perl":
		if inPlace(c) {
			ops := c.Operands("-e", "-f", "--expression", "--file", "-l")
			if !c.Has("-e", "-f", "--expression", "--file") && c.Name == "sed" && len(ops) > 0 {
				ops = ops[1:] // the script
			}
			each(Edit, ops, nil)
		}
	case "ed", "ex", "patch", "crudini":
		each(Edit, editorFiles(c), nil)
	case "dd":
		for _, w := range c.Args {
			if name, ok := strings.CutPrefix(w.Text, "of="); ok {
				add(Create, Word{Text: name, Known: w.Known}, nil)
			}
		}
	case "curl":
		if w, ok := c.Value("-o", "--output"); ok {
			add(Create, w, nil)
		}
	case "wget":
		if w, ok := c.Value("-O", "--output-document"); ok && w.Text != "-" {
			add(Create, w, nil)
		}
	case "chmod":
		if ops := c.Operands("--reference"); len(ops) > 1 {
			each(Chmod, ops[1:], func(w *Write) {
				w.Below = c.Has("-R", "--recursive")
				w.Mode, w.HasMode = parseMode(ops[0])
			})
		}
	case "chown", "chgrp":
		if ops := c.Operands("--reference", "--from"); len(ops) > 1 {
			each(Chown, ops[1:], func(w *Write) { w.Below = c.Has("-R", "--recursive") })
		}
	}
	return out
}
