package lint

import (
	"strings"
)

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
