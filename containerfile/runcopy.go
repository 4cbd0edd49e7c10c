package containerfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// reference checks the name of a stage, image or named context: buildah expands it twice and splits its flag at "=".
func (p *printer) reference(field, name string) string {
	if strings.ContainsAny(name, `\'"= `) && !strings.Contains(name, "${") {
		p.mistake(field, errors.New("quotes, backslashes, spaces and '=' are in no name of a stage or image"))
		return ""
	}
	return name
}

// mode checks a --chmod; the builder takes octal numbers only.
func (p *printer) mode(mode string) string {
	if _, err := strconv.ParseUint(mode, 8, 32); err != nil && mode != "" && !strings.Contains(mode, "$") {
		p.mistake("chmod", fmt.Errorf("%q is no octal number, which is all the builder takes", mode))
		return ""
	}
	return mode
}

func (p *printer) excludes(patterns []string) string {
	text := ""
	for i, pattern := range patterns {
		field := "exclude" + index(i)
		if pattern == "" {
			p.mistake(field, errEmpty)
		}
		text += p.flag("exclude", field, pattern)
	}
	return text
}

// copied spells sources and destination of COPY and ADD.
func (p *printer) copied(sources []string, dest string, docs []Heredoc) string {
	if len(sources)+len(docs) == 0 {
		p.mistake("sources", errEmpty)
		return ""
	}
	fields := make([]string, len(sources), len(sources)+1)
	for i := range sources {
		fields[i] = "sources" + index(i)
	}
	return p.paths(append(fields, "dest"), slices.Concat(sources, []string{dest}), docs)
}

// heredocs checks bodies; those of COPY and ADD become files.
func (p *printer) heredocs(docs []Heredoc, files bool) []Heredoc {
	for i, doc := range docs {
		field := "heredocs" + index(i)
		if err := doc.check(); err != nil {
			p.mistake(field, err)
		}
		switch {
		case files && doc.Body == "":
			p.mistake(field, errors.New("the builder writes a newline for an empty body; copy an empty file instead"))
		case files && !doc.Literal:
			if p.sound(field, doc.Body) { // the expansion spoils what is not
				if err := doc.expands(); err != nil {
					p.mistake(field, err)
				}
			}
		}
	}
	return docs
}

func (p *printer) run(r Run) string {
	text := "RUN"
	for i, m := range r.Mounts {
		field := "mounts" + index(i)
		tokens := m.tokens(func(name string, err error) { p.mistake(field+"."+name, err) })
		p.reference(field+".from", m.From)
		value := p.word(field, strings.Join(tokens, ","), false)
		if value == "" {
			p.mistake(field, errEmpty)
		}
		text += p.plainFlag("mount", field, value) + " \\\n   "
	}
	switch r.Network {
	case "", "default", "host", "none":
	default:
		if !strings.Contains(r.Network, "$") {
			p.mistake("network", fmt.Errorf("%q is not default, host or none", r.Network))
		}
	}
	text += p.flag("network", "network", r.Network)
	if r.Exec != nil && len(r.Exec) == 0 {
		p.mistake("exec", errEmpty)
	}
	if r.Exec != nil && len(r.Heredocs) > 0 {
		p.mistake("heredocs", errors.New("the exec form has none"))
	}
	command := p.command(r.Command)
	if strings.HasPrefix(command, "#") {
		text = strings.TrimSuffix(text, " \\\n   ")
	}
	text += rest(command)
	if r.Exec == nil {
		found, _ := markers(strings.ReplaceAll(text, "\\\n", ""))
		if len(found) != len(r.Heredocs) {
			p.mistake("heredocs", fmt.Errorf("%d are given, but the builder finds %d markers (<<NAME) in the command", len(r.Heredocs), len(found)))
		}
	}
	return text
}
