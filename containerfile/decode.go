package containerfile

import (
	"errors"
	"fmt"
	"strings"

	buildkit "github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/openshift/imagebuilder/dockerfile/command"
	"github.com/openshift/imagebuilder/dockerfile/parser"
)

var errArgument = errors.New("an argument is missing")

// decode turns a logical line into a step.
func decode(l logicalLine) (Step, error) {
	step, err := l.decode(l.node)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.ToUpper(l.node.Value), err)
	}
	return step, nil
}

func (l logicalLine) decode(node *parser.Node) (Step, error) {
	flags, err := parseFlags(node)
	if err != nil {
		return nil, err
	}
	args := values(node.Next)
	if node.Value != command.Onbuild && len(args) == 0 && !node.Attributes["json"] {
		return nil, errArgument
	}
	switch node.Value {
	case command.Run:
		return flags.run(Run{Command: l.command(node, node.Next), Heredocs: l.heredocs})
	case command.Cmd:
		return Cmd{l.command(node, node.Next)}, nil
	case command.Entrypoint:
		return Entrypoint{l.command(node, node.Next)}, nil
	case command.Healthcheck:
		return l.healthcheck(node, flags)
	case command.Shell:
		if !node.Attributes["json"] {
			return nil, errors.New("the argument must be a JSON array of strings")
		}
		return Shell(args), nil
	case command.Maintainer:
		return Maintainer(args[0]), nil
	case command.Onbuild:
		if node.Next == nil || len(node.Next.Children) == 0 {
			return nil, errArgument
		}
		inner := node.Next.Children[0]
		if inner.Value == command.From || inner.Value == command.Onbuild {
			return nil, fmt.Errorf("%s cannot be triggered", strings.ToUpper(inner.Value))
		}
		step, err := l.decode(inner)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.ToUpper(inner.Value), err)
		}
		return OnBuild{step}, nil
	}
	if node.Value == command.Arg {
		return decodeArg(args)
	}
	words := make([]string, len(args))
	for i, arg := range args {
		if words[i], err = plain(arg); err != nil {
			return nil, err
		}
	}
	switch node.Value {
	case command.Env:
		pairs, err := decodePairs(words)
		return Env(pairs), err
	case command.Label:
		pairs, err := decodePairs(words)
		return Label(pairs), err
	case command.Expose:
		return Expose(words), nil
	case command.Volume:
		return Volume(words), nil
	case command.User:
		return User(words[0]), nil
	case command.Workdir:
		return Workdir(words[0]), nil
	case command.StopSignal:
		return StopSignal(words[0]), nil
	case command.Copy:
		from, dest, err := l.paths(args, words)
		if err != nil {
			return nil, err
		}
		return flags.copy(Copy{Sources: from, Dest: dest, Heredocs: l.heredocs})
	default: // parseNode lets known instructions pass only
		from, dest, err := l.paths(args, words)
		if err != nil {
			return nil, err
		}
		return flags.add(Add{Sources: from, Dest: dest, Heredocs: l.heredocs})
	}
}

// decodeFrom turns a FROM node into a stage without steps.
func decodeFrom(node *parser.Node) (Stage, error) {
	flags, err := parseFlags(node)
	if err != nil {
		return Stage{}, fmt.Errorf("FROM: %w", err)
	}
	args := values(node.Next)
	if len(args) != 1 && (len(args) != 3 || !strings.EqualFold(args[1], "AS")) {
		return Stage{}, errors.New("FROM takes an image, or an image AS name")
	}
	s := Stage{After: flags.all("after"), Platform: flags.last("platform")}
	if s.From, err = plain(args[0]); err == nil && len(args) == 3 {
		s.Name, err = plain(args[2])
	}
	return s, err
}

// values lists the words of an instruction as the builder's parser leaves them, quotes included.
func values(n *parser.Node) []string {
	list := []string{}
	for ; n != nil; n = n.Next {
		list = append(list, n.Value)
	}
	return list
}

// command reads the shell or exec form that begins at first.
func (l logicalLine) command(node, first *parser.Node) Command {
	if node.Attributes["json"] {
		return Command{Exec: values(first)}
	}
	return Command{Shell: l.unjoined(first.Value)}
}

// unjoined puts the continuations back into text, with which the instruction ends.
func (l logicalLine) unjoined(text string) string {
	end := len(strings.TrimSpace(l.text)) + strings.Index(l.text, strings.TrimSpace(l.text))
	start := end - len(text)
	var b strings.Builder
	from := start
	for _, at := range l.joints {
		if at > start && at < end {
			b.WriteString(l.text[from:at] + "\\\n")
			from = at
		}
	}
	b.WriteString(l.text[from:end])
	return b.String()
}

func (l logicalLine) healthcheck(node *parser.Node, flags flagList) (Step, error) {
	switch h := (Healthcheck{}); strings.ToUpper(node.Next.Value) {
	case "NONE":
		if node.Next.Next != nil || len(flags) > 0 {
			return nil, errors.New("NONE stands alone")
		}
		h.None = true
		return h, nil
	case "CMD":
		if node.Next.Next == nil {
			return nil, errArgument
		}
		h.Command = l.command(node, node.Next.Next)
		return flags.healthcheck(h)
	}
	return nil, errors.New("takes NONE or CMD")
}

func decodeArg(args []string) (Step, error) {
	var arg Arg
	for _, a := range args {
		word, err := plain(a)
		if err != nil {
			return nil, err
		}
		d := ArgDecl{}
		if d.Name, d.Default, d.HasDefault = strings.Cut(word, "="); d.Name == "" {
			return nil, errors.New("an empty name")
		}
		arg = append(arg, d)
	}
	return arg, nil
}

func decodePairs(words []string) ([]Pair, error) {
	var pairs []Pair
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == "" {
			return nil, errors.New("an empty key")
		}
		pairs = append(pairs, Pair{words[i], words[i+1]})
	}
	return pairs, nil
}

// paths splits the arguments of COPY and ADD into sources and destination; the markers of here-documents go.
func (l logicalLine) paths(args, words []string) (sources []string, dest string, err error) {
	last := len(words) - 1
	found := 0
	for i, arg := range args[:max(last, 0)] {
		if len(l.heredocs) > 0 && buildkit.MustParseHeredoc(arg) != nil {
			found++
		} else {
			sources = append(sources, words[i])
		}
	}
	if found != len(l.heredocs) {
		return nil, "", errors.New("the builder finds here-documents that are not arguments of their own")
	}
	if last < 1 {
		return nil, "", errors.New("takes at least one source and a destination")
	}
	return sources, words[last], nil
}
