package lint

import (
	"errors"
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
)

// agentConfigFile is the one that the agent of Flight Control reads, and dropIns are what changes it.
const (
	agentConfigFile = flightctl.ConfigPath
	agentDropIns    = "/etc/flightctl/conf.d/*"
)

// enrolsFor is how long a certificate for enrollment should still be valid, since devices enrol when they are set up.
const enrolsFor = 30 * 24 * time.Hour

// agentMistake is one thing that is wrong in a file of the agent.
type agentMistake struct {
	key  string
	line int
	err  error
}

// ignored says that the agent does not care: what the file says has no effect.
func (m agentMistake) ignored() bool {
	return errors.Is(m.err, flightctl.ErrIgnored) || strings.Contains(m.err.Error(), "the agent ignores") || strings.Contains(m.err.Error(), "ignores it")
}

// dated says that it is about the time in which a certificate is valid.
func (m agentMistake) dated() bool {
	return errors.Is(m.err, flightctl.ErrExpired) || errors.Is(m.err, flightctl.ErrExpiresSoon)
}

// finding is the mistake as one.
func (m agentMistake) finding(file *File) Finding {
	text := m.err.Error()
	if m.key != "" {
		text = m.key + ": " + text
	}
	return file.Finding("%s", text).OnLine(m.line)
}

// agentMistakes takes apart what package flightctl says about a file.
func agentMistakes(err error) []agentMistake {
	if err == nil {
		return nil
	}
	var out []agentMistake
	for _, e := range flatten(err) {
		m := agentMistake{err: e}
		if field, ok := errors.AsType[*bootc.FieldError](e); ok {
			m.key, m.err = field.Path, field.Err
		}
		if line, ok := errors.AsType[*flightctl.LineError](m.err); ok {
			m.line, m.err = line.Line, line.Err
		}
		out = append(out, m)
	}
	return out
}

// agentConfig checks the agent's configuration; file is nil where its content is not known.
func (f *Facts) agentConfig() (file *File, mistakes []agentMistake) {
	file = f.Root.File(agentConfigFile)
	if file == nil {
		return nil, nil
	}
	text, known := file.Content()
	if !known {
		return nil, nil
	}
	// Credentials may come at provisioning, and what is missing of them then is BL719's.
	_, err := flightctl.CheckConfig(text, flightctl.Check{Now: f.Now, ValidFor: enrolsFor, NoCredentials: true})
	return file, agentMistakes(err)
}
