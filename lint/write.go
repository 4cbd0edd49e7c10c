package lint

import (
	"io/fs"
	"path"
	"strconv"
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
		if ops := c.Operands(); len(ops) > 0 && c.Has("-delete") {
			add(Remove, Word{Text: strings.TrimSuffix(ops[0].Text, "/") + "/**", Known: ops[0].Known, Glob: true}, nil)
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

// copies are the writes of programs that bring files to another place.
func copies(c *Command, add func(WriteOp, Word, func(*Write))) {
	op := map[string]WriteOp{"cp": Copy, "mv": Move, "install": Copy, "rsync": Copy, "ln": Copy}[c.Name]
	ops := c.Operands("-t", "--target-directory", "-m", "--mode", "-o", "--owner", "-g", "--group", "-S", "--suffix", "-e")
	setMode := func(*Write) {}
	if c.Name == "install" {
		if c.Has("-d", "--directory") {
			for _, w := range ops {
				add(Mkdir, w, mode(c, "-m", "--mode"))
			}
			return
		}
		setMode = func(w *Write) {
			w.Mode, w.HasMode = 0o755, true // its default
			mode(c, "-m", "--mode")(w)
		}
	}
	target, isDir := c.Value("-t", "--target-directory")
	if !isDir {
		if len(ops) < 2 {
			return
		}
		target, ops = ops[len(ops)-1], ops[:len(ops)-1]
		isDir = len(ops) > 1 || strings.HasSuffix(target.Text, "/") || strings.HasSuffix(target.Text, "/.")
		if c.Has("-T", "--no-target-directory") {
			isDir = false
		}
	}
	for _, from := range ops {
		to := target
		if isDir {
			if from.Glob || !from.Known {
				continue // their names are not known
			}
			to.Text = path.Join(target.Text, path.Base(from.Text))
		}
		source, known := c.abs(from)
		symbolic := c.Name == "ln" && c.Has("-s", "--symbolic")
		o := op
		if symbolic {
			o = Symlink
		}
		add(o, to, func(w *Write) {
			w.Below = c.Has("-r", "-R", "-a", "--recursive", "--archive")
			if symbolic {
				w.Link = from.Text
				if !from.Known {
					w.Link = ""
				}
			} else if known && !from.Glob {
				w.From = source
			}
			setMode(w)
		})
	}
}

// mode sets the mode that a flag gives.
func mode(c *Command, flags ...string) func(*Write) {
	return func(w *Write) {
		if v, ok := c.Value(flags...); ok {
			w.Mode, w.HasMode = parseMode(v)
		}
	}
}

// parseMode reads an octal mode; symbolic ones depend on what was there.
func parseMode(w Word) (fs.FileMode, bool) {
	n, err := strconv.ParseUint(w.Text, 8, 12)
	if err != nil || !w.Known {
		return 0, false
	}
	m := fs.FileMode(n & 0o777)
	for _, b := range unixBits {
		if int64(n)&b.unix != 0 {
			m |= b.mode
		}
	}
	return m, true
}

// inPlace says whether sed or perl changes its files.
func inPlace(c *Command) bool {
	for _, w := range c.Args {
		if strings.HasPrefix(w.Text, "--in-place") {
			return true
		}
		if strings.HasPrefix(w.Text, "-") && !strings.HasPrefix(w.Text, "--") {
			for _, flag := range w.Text[1:] {
				if flag == 'i' {
					return true
				}
				if flag == 'e' || flag == 'f' { // what follows is their value
					break
				}
			}
		}
	}
	return false
}

// editorFiles are the files that an editor changes.
func editorFiles(c *Command) []Word {
	switch c.Name {
	case "crudini":
		if !c.Has("--set", "--del", "--merge") {
			return nil
		}
	case "patch":
		ops := c.Operands("-p", "-i", "-d", "-o", "-r", "-F")
		return ops[:min(1, len(ops))]
	}
	ops := c.Operands("-c")
	return ops[:min(1, len(ops))]
}

// output is what a command prints, where that can be told.
func output(c *Command) Word {
	switch c.Name {
	case "echo":
		args, end := c.Args, "\n"
		for len(args) > 0 && (args[0].Text == "-n" || args[0].Text == "-e" || args[0].Text == "-ne" || args[0].Text == "-en") {
			if strings.Contains(args[0].Text, "n") {
				end = ""
			}
			args = args[1:]
		}
		text, known := join(args)
		if strings.Contains(text, `\`) {
			known = false // depends on the shell
		}
		return Word{Text: text + end, Known: known}
	case "printf":
		return printf(c.Args)
	case "cat":
		if len(c.Operands()) == 0 {
			return c.Input
		}
	case "tee":
		return c.Input
	}
	return Word{}
}

// printf formats as printf(1) does, for formats that have no more than %s, %%, \n, \t and \\.
func printf(args []Word) Word {
	if len(args) > 0 && args[0].Text == "--" {
		args = args[1:]
	}
	if len(args) == 0 || !args[0].Known {
		return Word{}
	}
	out := Word{Known: true}
	format, rest := args[0].Text, args[1:]
	for {
		took := false
		for i := 0; i < len(format); i++ {
			c := format[i]
			if (c == '%' || c == '\\') && i+1 < len(format) {
				i++
				switch c, next := c, format[i]; {
				case c == '%' && next == '%', c == '\\' && next == '\\':
					out.Text += string(next)
				case c == '%' && next == 's':
					if len(rest) > 0 {
						out.Text += rest[0].Text
						out.Known = out.Known && rest[0].Known && !rest[0].Glob
						rest, took = rest[1:], true
					}
				case c == '\\' && next == 'n':
					out.Text += "\n"
				case c == '\\' && next == 't':
					out.Text += "\t"
				default:
					return Word{Text: out.Text}
				}
				continue
			}
			out.Text += string(c)
		}
		if len(rest) == 0 || !took {
			return out
		}
	}
}
