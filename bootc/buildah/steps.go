//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// steps follows a build through what buildah reports: text. It turns that into events with their place.
type steps struct {
	w *worker

	mu          sync.Mutex
	stage, node int // of the step that runs; stage is -1 before the first
	instruction string
	fresh       bool // the step has printed nothing yet
	committing  bool // the last step is over
	tail        lastLines
	hidden      []string // pairs of what must not be seen and what stands for it
	replace     *strings.Replacer
}

func newSteps(w *worker) *steps {
	var pairs []string
	for _, v := range w.Secrets {
		// A command may print a secret whole or line by line. Short lines are too common to be searched for.
		for _, s := range append([]string{string(v), strings.TrimSpace(string(v))}, strings.Split(string(v), "\n")...) {
			if len(strings.TrimSpace(s)) >= 4 {
				pairs = append(pairs, s, "[redacted]")
			}
		}
	}
	return &steps{w: w, stage: -1, hidden: pairs, replace: strings.NewReplacer(pairs...)}
}

// redact takes secrets out of a text, and puts references in the place of the store's names.
func (s *steps) redact(text string) string { return s.replace.Replace(text) }

// hide makes redact show references for names of the store.
func (s *steps) hide(names map[string]string) {
	for ref, name := range names {
		s.hidden = append(s.hidden, name, ref)
	}
	s.replace = strings.NewReplacer(s.hidden...)
}

// emit sends an event with the place of the step that runs.
func (s *steps) emit(e bootc.Event) {
	s.mu.Lock()
	stage, node := s.stage, s.node
	s.mu.Unlock()
	s.w.send(message{Event: &event{Event: e, Stage: stage, Node: node}})
}

// log is buildah's callback at the start of each step. Stages run one after the other.
func (s *steps) log(format string, args ...any) {
	text := s.redact(fmt.Sprintf(format, args...))
	s.mu.Lock()
	switch {
	case strings.HasPrefix(format, "COMMIT"):
		s.committing = true
		s.mu.Unlock()
		return
	case strings.HasPrefix(format, "FROM "):
		s.stage, s.node = s.nextStage(text), 0
	default:
		s.node++
	}
	s.instruction, s.fresh, s.tail = text, true, nil
	s.mu.Unlock()
	s.emit(bootc.Event{Kind: bootc.EventStep, Op: "build", Platform: s.w.Platform, Text: text})
}

// over says that what happens now belongs to no step.
func (s *steps) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stage, s.node = -1, 0
}

// nextStage finds the stage that a FROM line belongs to: buildah leaves out stages that nothing needs.
func (s *steps) nextStage(line string) int {
	_, name, named := strings.Cut(line, " AS ")
	for i := s.stage + 1; i < len(s.w.Froms); i++ {
		f := s.w.Froms[i]
		if named && strings.EqualFold(f.Name, name) || !named && f.Name == "" {
			return i
		}
	}
	return len(s.w.Froms) - 1
}

var cacheHit = lazyregexp.New(`^--> Using cache ([0-9a-f]{64})$`)

// noise is what buildah says about itself between the lines of a step.
var noise = lazyregexp.New(`^--> [0-9a-f]{12}$|^subprocess exited with status \d+$`)

// line takes one line of output, of the step or of buildah about the step.
func (s *steps) line(text string, stderr bool) {
	text = s.redact(text)
	s.mu.Lock()
	fresh, committing := s.fresh, s.committing
	s.fresh = false
	s.mu.Unlock()
	switch {
	case fresh && cacheHit.MatchString(text):
		s.w.used(cacheHit.FindStringSubmatch(text)[1])
		s.emit(bootc.Event{Kind: bootc.EventStep, Op: "build", Platform: s.w.Platform, Text: s.instruction, Cached: true})
		return
	case committing, noise.MatchString(text):
		return
	}
	s.mu.Lock()
	s.tail.add(text, stderr)
	s.mu.Unlock()
	s.emit(bootc.Event{Kind: bootc.EventLog, Op: "build", Platform: s.w.Platform, Text: text})
}

// failure is err on its way to the caller's process, with the step that was running.
func (w *worker) failure(err error) *failure {
	f := &failure{Text: w.redact(err.Error()), Stage: -1}
	if op, ok := errors.AsType[*bootc.OpError](err); ok {
		f.Op, f.Ref, f.Text = op.Op, op.Ref, w.redact(op.Err.Error())
	}
	f.Kind = kindOf(err)
	if in, ok := errors.AsType[*inStep](err); ok {
		f.InStep = true
		f.Stage, f.Node, f.Instruction, f.Tail = w.steps.stage, w.node, w.instruction, w.tail.text()
		if exit, ok := errors.AsType[*exec.ExitError](in.err); ok && w.node > 0 && strings.HasPrefix(strings.ToUpper(w.instruction), "RUN") {
			f.ExitCode = exit.ExitCode()
		}
	}
	return f
}

// inStep marks an error of buildah's own build.
type inStep struct{ err error }

func (e *inStep) Error() string { return e.err.Error() }
func (e *inStep) Unwrap() error { return e.err }
