package flightctl

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// checkRun follows the agent's reading of a command line, internal/agent/device/hook/actions.go of its source.
func (a HookAction) checkRun() error {
	if a.Run == "" {
		return errors.New("is missing")
	}
	if len(a.Run) > 2048 || strings.ContainsFunc(a.Run, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return errors.New("must be one line of 1 to 2048 bytes")
	}
	words, err := splitRun(a.Run)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return errors.New("is empty")
	}
	program := words[0]
	switch {
	case strings.Contains(program, "="):
		return fmt.Errorf("begins with %s, which no shell takes for a variable: use envVars", shown(program))
	case strings.ContainsAny(program, `"'$`) || strings.Contains(program, "/") && !cleanPath(program):
		return fmt.Errorf("begins with %s, which is neither a name nor a clean absolute path", shown(program))
	}
	if slices.Contains(shells, path.Base(program)) {
		return a.checkVariables(true)
	}
	for _, w := range words[1:] {
		if slices.Contains(operators, w) || strings.HasSuffix(w, ";") || strings.Contains(w, "$(") || strings.Contains(w, "`") || plainVariable.MatchString(w) {
			return fmt.Errorf("has %s, but no shell reads it: write sh -c '…'", shown(w))
		}
	}
	return a.checkVariables(false)
}

var (
	shells        = []string{"sh", "bash", "dash", "ksh", "zsh"}
	operators     = []string{"|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "2>&1", "&>"}
	plainVariable = lazyregexp.New(`\$[A-Za-z_]`)
	variable      = lazyregexp.New(`\$\{([^}]*)\}`)
)

// splitRun splits as the agent does, and refuses where its rules are not those of a shell.
func splitRun(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	escaped, closed := false, false
	for _, r := range s {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case closed && r != ' ' && r != '\t':
			return nil, fmt.Errorf("has something right after %s, and so the agent leaves the quotes in: quote the whole word", shown(word.String()))
		case r == '\\' && quote == '\'':
			return nil, errors.New(`has a \ in '', which the agent takes out even there: use "" and \\`)
		case r == '\\':
			escaped = true
		case quote == 0 && (r == '"' || r == '\''):
			if word.Len() > 0 {
				return nil, fmt.Errorf("has quotes after %s in the same word, and so the agent leaves them in: quote the whole word", shown(word.String()))
			}
			quote = r
		case r == quote:
			quote, closed = 0, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if word.Len() > 0 || closed {
				words = append(words, word.String())
			}
			word.Reset()
			closed = false
		default:
			word.WriteRune(r)
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("has a %c that is not closed", quote)
	case escaped:
		return nil, errors.New(`ends in a \`)
	}
	if word.Len() > 0 || closed {
		words = append(words, word.String())
	}
	return words, nil
}

// checkVariables wants each ${ } to be one that the agent fills; a shell may have others.
func (a HookAction) checkVariables(shell bool) error {
	var last *HookCondition // whose files they are
	for i := range a.If {
		if a.If[i].Rebooted == nil {
			last = &a.If[i]
		}
	}
	needs := map[string]FileOp{"Path": "", "Files": "", "CreatedFiles": Created, "UpdatedFiles": Updated, "RemovedFiles": Removed}
	for _, m := range variable.FindAllStringSubmatch(a.Run, -1) {
		name := strings.TrimSpace(m[1])
		op, known := needs[name]
		switch {
		case name == "BackupFiles":
			return fmt.Errorf("has %s, which no version of the agent fills", m[0])
		case !known && shell:
		case !known:
			return fmt.Errorf("has %s, which the agent does not know: there are Path, Files, CreatedFiles, UpdatedFiles and RemovedFiles", m[0])
		case last == nil:
			return fmt.Errorf("has %s, which is empty without a condition on a path", m[0])
		case op != "" && !slices.Contains(last.Op, op):
			return fmt.Errorf("has %s, which is empty as the op of the last condition on a path lacks %s", m[0], op)
		}
	}
	return nil
}
