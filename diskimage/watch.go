package diskimage

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// watch makes events of the output of the tool, line by line, and remembers what an error needs. It reads what the tool prints
// with --progress=debug, osbuild's own monitor (JSONSeqMonitor) and, without counters, what --progress=verbose prints.
type watch struct {
	on      func(bootc.Event) // nil is silence
	ref     string
	secrets []string
	ignores func(key string) bool // whether it matters that the tool leaves out a key; nil is always

	version         []string
	pipeline, stage string
	counters        [2][2]int // done and total of pipelines, and of the stages of the one that is at work
	contexts        map[string]monitorContext
	message         string
	tail            []string
	ignored         []string // what the tool leaves out
}

const (
	tailLines = 40
	maxLine   = 64 << 10 // bytes of a line that are kept
)

var (
	counterLine = lazyregexp.New(`^( *)\[(\d+) / (\d+)\] ?(.*)$`)
	// errorLine is of the tool, of podman, of a Go program that panics, and of skopeo.
	errorLine   = lazyregexp.New(`^(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?(?:[eE]rror: (.*)|(panic: .*)|time="[^"]*" level=fatal msg="(.*)")$`)
	versionLine = lazyregexp.New(`^(?:build_revision|build_time|build_tainted|  version|  commit): \S`)
	ignoredKey  = lazyregexp.New(`blueprint validation failed for image type "[^"]*": ([A-Za-z0-9_.\[\]-]+): not supported`)
	verboseLine = lazyregexp.New(`^(Pipeline \S.*|org\.osbuild\.\S+): [0-9a-f]{64}(?: \{)?$`)
)

// line takes one line without its newline. Bytes beyond maxLine may be missing.
func (w *watch) line(text string) {
	text = strings.TrimRight(strings.ToValidUTF8(text, "�"), "\r")
	for _, s := range w.secrets {
		text = strings.ReplaceAll(text, s, "[redacted]")
	}
	if record, ok := strings.CutPrefix(text, "\x1e"); ok && w.monitor(record) {
		return
	}
	// The complaint has no newline of its own: what follows belongs to the next line.
	if at := ignoredKey.FindStringSubmatchIndex(text); at != nil {
		w.ignore(text[at[2]:at[3]], text[at[0]:at[1]])
		if text = text[:at[0]] + text[at[1]:]; text == "" {
			return
		}
	}
	if m := counterLine.FindStringSubmatch(text); m != nil {
		w.count(len(m[1])/2, m[2], m[3])
		return
	}
	if message, ok := strings.CutPrefix(text, "msg: "); ok {
		w.say(message)
		return
	}
	if message, ok := strings.CutPrefix(text, "pulse: "); ok {
		w.say(message)
		return
	}
	switch {
	case text == "Start progressbar" || text == "Stop progressbar":
		return
	case versionLine.MatchString(text):
		w.version = append(w.version, strings.TrimSpace(text))
	case w.message == "":
		if m := errorLine.FindStringSubmatch(text); m != nil {
			w.message = m[1] + m[2] + m[3]
		}
	}
	if m := verboseLine.FindStringSubmatch(text); m != nil {
		if name, ok := strings.CutPrefix(m[1], "Pipeline "); ok {
			w.pipeline, w.stage = name, ""
		} else {
			w.stage = m[1]
		}
	}
	w.log(text)
}

func (w *watch) count(level int, done, total string) {
	if level < len(w.counters) {
		d, err1 := strconv.Atoi(done)
		t, err2 := strconv.Atoi(total)
		if err1 == nil && err2 == nil {
			w.counters[level] = [2]int{d, t}
		}
	}
}

// say takes a message of osbuild's monitor or of the tool.
func (w *watch) say(message string) {
	verb, what, _ := strings.Cut(message, " ")
	kind, name, _ := strings.Cut(what, " ")
	switch {
	case verb == "Starting" && kind == "pipeline" && name != "":
		w.pipeline, w.stage = name, ""
		w.step(0, "pipeline "+name)
	case verb == "Starting" && kind == "module" && name != "":
		w.stage = name
		w.step(1, w.pipeline+": "+name)
	case verb == "Finished" && (kind == "pipeline" || kind == "module"):
		if kind == "pipeline" {
			w.pipeline = ""
		}
		w.stage = ""
	default:
		w.log(message)
	}
}

func (w *watch) step(level int, text string) {
	done, total := w.counters[level][0], w.counters[level][1]
	w.emit(bootc.Event{Kind: bootc.EventStep, Step: min(done+1, total), Steps: total, Text: text})
}

func (w *watch) log(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	w.tail = append(w.tail, text)
	if len(w.tail) > tailLines {
		w.tail = slices.Delete(w.tail, 0, len(w.tail)-tailLines)
	}
	w.emit(bootc.Event{Kind: bootc.EventLog, Text: text})
}

func (w *watch) ignore(key, text string) {
	if w.ignores == nil || w.ignores(key) {
		w.ignored = append(w.ignored, key)
	}
	w.emit(bootc.Event{Kind: bootc.EventWarning, Text: text})
}

func (w *watch) emit(e bootc.Event) {
	if w.on != nil {
		e.Op, e.Ref = "disk", w.ref
		w.on(e)
	}
}

// failure is the error for a program that ended with a status.
func (w *watch) failure(e *ExitError) *ToolError {
	t := &ToolError{Program: e.Program, ExitCode: e.Code, Version: strings.Join(w.version, ", "), Pipeline: w.pipeline, Stage: w.stage,
		Message: w.message, Tail: slices.Clone(w.tail)}
	t.Hint = hint(t)
	return t
}

// leftOut is the error for settings that the tool leaves out, or nil.
func (w *watch) leftOut() error {
	if len(w.ignored) == 0 {
		return nil
	}
	var names []string
	for _, key := range w.ignored {
		name := key
		for _, s := range settings {
			if rest := strings.TrimPrefix(key, "customizations."); rest == s.key || strings.HasPrefix(rest, s.key+".") || strings.HasPrefix(rest, s.key+"[") {
				name = s.field + " (" + key + ")"
				break
			}
		}
		names = append(names, name)
	}
	return fmt.Errorf("%w: %s; this version of it (%s) does not have it", ErrIgnored, strings.Join(names, ", "), cmp.Or(strings.Join(w.version, ", "), "unknown"))
}
