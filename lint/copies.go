package lint

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

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
