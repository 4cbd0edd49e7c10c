package containerfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// next breaks an instruction over two lines.
const next = " \\\n    "

// instruction spells a step, with a backslash for the escape character of continuations, and without the bodies of the
// here-documents, which it returns.
func (p *printer) instruction(s Step) (string, []Heredoc) {
	switch s := s.(type) {
	case Run:
		return p.run(s), p.heredocs(s.Heredocs, false)
	case Copy:
		text := "COPY" + p.flag("from", "from", p.reference("from", s.From)) + p.flag("chown", "chown", s.Chown) +
			p.flag("chmod", "chmod", p.mode(s.Chmod)) + on("link", s.Link) + on("parents", s.Parents) + p.excludes(s.Exclude)
		return text + p.copied(s.Sources, s.Dest, s.Heredocs), p.heredocs(s.Heredocs, true)
	case Add:
		text := "ADD" + p.flag("chown", "chown", s.Chown) + p.flag("chmod", "chmod", p.mode(s.Chmod)) +
			p.flag("checksum", "checksum", s.Checksum) + on("link", s.Link) + on("keep-git-dir", s.KeepGitDir) + p.excludes(s.Exclude)
		return text + p.copied(s.Sources, s.Dest, s.Heredocs), p.heredocs(s.Heredocs, true)
	case Arg:
		return p.arg(s), nil
	case Env:
		return p.pairs("ENV", s), nil
	case Label:
		return p.pairs("LABEL", s), nil
	case Cmd:
		return "CMD" + rest(p.command(s.Command)), nil
	case Entrypoint:
		return "ENTRYPOINT" + rest(p.command(s.Command)), nil
	case Healthcheck:
		return p.healthcheck(s), nil
	case Shell:
		for i, arg := range s {
			p.sound(index(i), arg)
		}
		p.some(len(s))
		return "SHELL " + array(s), nil
	case User:
		return "USER" + rest(p.quoted("", string(s))), nil
	case Workdir:
		return "WORKDIR" + rest(p.quoted("", string(s))), nil
	case StopSignal:
		p.some(len(s))
		return "STOPSIGNAL" + rest(p.quoted("", string(s))), nil
	case Maintainer:
		if p.sound("", string(s)) && strings.Contains(string(s), "\n") {
			p.mistake("", errNewline)
		} else if err := checkShell(string(s), p.escape); err != nil && !strings.HasPrefix(string(s), "[") {
			p.mistake("", err)
		}
		p.some(len(s))
		return "MAINTAINER" + rest(string(s)), nil
	case Expose:
		p.some(len(s))
		text := ""
		for i, port := range s {
			text += p.spaced(" ", index(i), port)
		}
		return "EXPOSE" + rest(strings.TrimPrefix(text, " ")), nil
	case Volume:
		if !p.some(len(s)) {
			return "", nil
		}
		fields := make([]string, len(s))
		for i, v := range s {
			fields[i] = index(i)
			if strings.TrimSpace(v) != v {
				p.mistake(fields[i], errors.New("begins or ends with white space, which the builder drops"))
			}
		}
		return "VOLUME" + p.paths(fields, s, nil), nil
	case OnBuild:
		return p.onBuild(s), nil
	}
	p.mistake("", fmt.Errorf("%T cannot be written", s))
	return "", nil
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// some refuses an instruction without arguments.
func (p *printer) some(n int) bool {
	if n == 0 {
		p.mistake("", errEmpty)
	}
	return n > 0
}

// on spells a switch.
func on(name string, set bool) string {
	if set {
		return " --" + name
	}
	return ""
}

func (p *printer) arg(a Arg) string {
	p.some(len(a))
	var list []string
	for i, d := range a {
		field := index(i) + ".name"
		if d.Name == "" {
			p.mistake(field, errEmpty)
		} else if strings.Contains(d.Name, "=") {
			p.mistake(field, errors.New("holds '='"))
		}
		text := p.quoted(field, d.Name)
		if d.HasDefault {
			text += "="
		} else if d.Default != "" {
			p.mistake(index(i)+".default", errors.New("is set, but HasDefault is false"))
		}
		if d.Default != "" {
			text += p.quoted(index(i)+".default", d.Default)
		}
		list = append(list, text)
	}
	return "ARG" + rest(strings.Join(list, " "))
}

// pairs spells ENV and LABEL, one pair a line.
func (p *printer) pairs(name string, pairs []Pair) string {
	p.some(len(pairs))
	var list []string
	for i, pair := range pairs {
		field := index(i) + ".key"
		if pair.Key == "" {
			p.mistake(field, errEmpty)
		} else if strings.Contains(pair.Key, "=") {
			p.mistake(field, errors.New("holds '=', at which the builder splits"))
		}
		list = append(list, p.quoted(field, pair.Key)+"="+p.quoted(index(i)+".value", pair.Value))
	}
	return name + rest(strings.Join(list, next))
}

func (p *printer) healthcheck(h Healthcheck) string {
	if h.None {
		if h.Command.Exec != nil || h.Command.Shell != "" || h.Interval+h.Timeout+h.StartPeriod+h.StartInterval != "" || h.Retries != 0 {
			p.mistake("none", errors.New("is set, and something else too"))
		}
		return "HEALTHCHECK NONE"
	}
	text := "HEALTHCHECK"
	times := []Pair{{"interval", h.Interval}, {"timeout", h.Timeout}, {"start-period", h.StartPeriod}, {"start-interval", h.StartInterval}}
	for _, t := range times {
		if t.Value == "" {
			continue
		}
		if d, err := time.ParseDuration(t.Value); err != nil || d <= 0 {
			p.mistake(strings.ReplaceAll(t.Key, "-", ""), fmt.Errorf("%q is no time such as 30s, and nothing expands here", t.Value))
			continue
		}
		text += p.plainFlag(t.Key, "", t.Value)
	}
	if h.Retries < 0 || int64(h.Retries) > 1<<31-1 {
		p.mistake("retries", errors.New("is out of range"))
	} else if h.Retries > 0 {
		text += " --retries=" + strconv.Itoa(h.Retries)
	}
	if h.Command.Exec != nil && len(h.Command.Exec) == 0 {
		p.mistake("command.exec", errEmpty)
	}
	return text + " CMD " + p.command(h.Command)
}

func (p *printer) onBuild(o OnBuild) string {
	switch o.Step.(type) {
	case nil, Comment, Raw, OnBuild, Maintainer:
		p.mistake("step", fmt.Errorf("%T cannot be triggered", o.Step))
		return ""
	}
	path := p.path
	p.path += ".step"
	text, docs := p.instruction(o.Step)
	if len(docs) > 0 {
		p.mistake("heredocs", errors.New("the image would keep the instruction without the body"))
	}
	p.path = path
	return "ONBUILD " + text
}
