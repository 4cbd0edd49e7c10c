package boottest

import (
	"bytes"
	"strings"
	"sync"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// maxConsole is how much of the serial console is kept; the beginning goes first.
const maxConsole = 8 << 20

// console keeps what comes from the serial port.
type console struct {
	on func(bootc.Event)

	mu      sync.Mutex
	text    bytes.Buffer // without escape sequences
	line    []byte       // the last one, as far as it has come
	changed chan struct{}
}

func newConsole(on func(bootc.Event)) *console {
	return &console{on: on, changed: make(chan struct{})}
}

// escapes are the sequences of ECMA-48 that firmware and systemd write: CSI, OSC and those of two characters.
var escapes = lazyregexp.New(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Za-z0-9]|[^\[\]()])`)

// Write takes raw output.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line = append(c.line, p...)
	for {
		i := bytes.IndexByte(c.line, '\n')
		if i < 0 {
			break
		}
		line := clean(c.line[:i])
		c.line = c.line[i+1:]
		c.text.WriteString(line + "\n")
		if c.on != nil {
			c.on(bootc.Event{Kind: bootc.EventLog, Op: "boot", Text: line})
		}
	}
	if c.text.Len() > maxConsole {
		c.text.Next(c.text.Len() - maxConsole/2)
	}
	close(c.changed)
	c.changed = make(chan struct{})
	return len(p), nil
}

func clean(line []byte) string {
	return strings.TrimRight(strings.ReplaceAll(string(escapes.ReplaceAll(line, nil)), "\x00", ""), "\r")
}

// String is all that came, with the line that is not complete.
func (c *console) String() string {
	s, _ := c.snapshot()
	return s
}

// snapshot also returns what is closed when there is more.
func (c *console) snapshot() (string, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String() + clean(c.line), c.changed
}

// tail is the end of a text, in whole lines.
func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n "), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
