package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/internal/txtest"
	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/lint"
)

// TestShell lists the commands of the section "in", with what is known of each: its place, arguments, directory, input,
// output and writes.
func TestShell(t *testing.T) {
	txtest.Run(t, "testdata/shell/*.txtar", func(name string) bool { return name == "in" }, func(t *testing.T, in []txtar.File) []txtar.File {
		commands, err := lint.ReadShell(string(in[0].Data))
		var b strings.Builder
		for _, c := range commands {
			fmt.Fprintf(&b, "%d:%d %s", c.Line, c.Column, c.Name)
			for _, w := range c.Args {
				fmt.Fprintf(&b, " %s", show(w))
			}
			if c.Dir != "/" {
				fmt.Fprintf(&b, " in %q", c.Dir)
			}
			if c.Maybe {
				b.WriteString(" maybe")
			}
			if c.Reads != nil {
				fmt.Fprintf(&b, " reads %s", c.Reads.Name)
			}
			if c.Input.Known {
				fmt.Fprintf(&b, " input %q", c.Input.Text)
			}
			if c.Output.Known {
				fmt.Fprintf(&b, " output %q", c.Output.Text)
			}
			b.WriteString("\n")
			for _, w := range c.Writes {
				fmt.Fprintf(&b, "\t%s %s", w.Op, w.Path)
				if w.Glob {
					b.WriteString(" (pattern)")
				}
				if w.From != "" {
					fmt.Fprintf(&b, " from %s", w.From)
				}
				if w.Link != "" {
					fmt.Fprintf(&b, " to %s", w.Link)
				}
				if w.HasMode {
					fmt.Fprintf(&b, " %v", w.Mode)
				}
				if w.Known {
					fmt.Fprintf(&b, " %q", w.Content)
				}
				b.WriteString("\n")
			}
		}
		out := []txtar.File{{Name: "commands", Data: []byte(b.String())}}
		if err != nil {
			out = append(out, txtar.File{Name: "error", Data: []byte(err.Error() + "\n")})
		}
		return out
	})
}

func show(w lint.Word) string {
	s := fmt.Sprintf("%q", w.Text)
	if !w.Known {
		s = "?" + s
	}
	if w.Glob {
		s += "*"
	}
	return s
}
