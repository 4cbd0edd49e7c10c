package bootc

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Progress returns an observer that writes events as lines of plain text: what begins and ends, each step with the
// features that made it, the output of steps, and bytes at each tenth. Escape sequences in output are taken out, so
// that a build cannot play with the terminal. Errors of w are ignored.
func Progress(w io.Writer) func(Event) {
	p := progress{w: w, started: map[string]time.Time{}, tenth: map[string]int64{}}
	return p.show
}

type progress struct {
	w        io.Writer
	started  map[string]time.Time
	tenth    map[string]int64 // of what is shown of each transfer
	platform string           // of the first event that has one
	several  bool             // platforms
}

func (p *progress) show(e Event) {
	if e.Platform != "" {
		p.several = p.several || p.platform != "" && p.platform != e.Platform
		p.platform = e.Platform
	}
	key := strings.Join([]string{e.Op, e.Ref, e.Platform}, " ")
	switch e.Kind {
	case EventStart:
		p.started[key] = time.Now()
		p.line(e, "%s %s", e.Op, e.Ref)
	case EventDone:
		took := ""
		if t, ok := p.started[key]; ok {
			took = fmt.Sprintf(" in %.1fs", time.Since(t).Seconds())
			delete(p.started, key)
			delete(p.tenth, key)
		}
		p.line(e, "%s %s: done%s", e.Op, e.Ref, took)
	case EventStep:
		first, _, more := strings.Cut(e.Text, "\n")
		if more {
			first += " …"
		}
		if e.Cached {
			first += " (cached)"
		}
		if len(e.Features) > 0 {
			first += "  — " + strings.Join(e.Features, ", ")
		}
		p.line(e, "[%d/%d] %s", e.Step, e.Steps, first)
	case EventLog:
		p.line(e, "  | %s", e.Text)
	case EventProgress:
		if text, ok := p.bytes(key, e); ok {
			p.line(e, "%s %s: %s", e.Op, e.Ref, text)
		}
	case EventRetry:
		p.line(e, "%s %s: trying again: %s", e.Op, e.Ref, e.Text)
	case EventWarning:
		p.line(e, "warning: %s", e.Text)
	default:
		p.line(e, "%s %s %s", e.Op, e.Ref, e.Text)
	}
}

// unknownTotal is how often a transfer of unknown length is shown.
const unknownTotal = 64 << 20

func (p *progress) bytes(key string, e Event) (string, bool) {
	part := e.Bytes / unknownTotal
	if e.Total > 0 {
		part = e.Bytes * 10 / e.Total
	}
	if part <= p.tenth[key] {
		return "", false
	}
	p.tenth[key] = part
	if e.Total > 0 {
		return fmt.Sprintf("%d%% of %s", e.Bytes*100/e.Total, megabytes(e.Total)), true
	}
	return megabytes(e.Bytes), true
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func (p *progress) line(e Event, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.several && e.Platform != "" {
		text = e.Platform + " " + text
	}
	fmt.Fprintln(p.w, strings.TrimRight(printable(text), " "))
}

// escapes are the sequences of ECMA-48 that change what a terminal shows: CSI, OSC, and those of two characters.
var escapes = lazyregexp.New(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)?`)

// printable takes out escape sequences and control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return -1
		}
		return r
	}, escapes.ReplaceAllString(s, ""))
}
