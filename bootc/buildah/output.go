//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// lastLines keeps the last lines of a step: at most tailLines, and of each of its two streams as many as half of that. They come
// through pipes of their own, so that a command's last word may arrive before what it printed earlier.
type lastLines []outputLine

type outputLine struct {
	text   string
	stderr bool
}

const tailLines = 20

func (l *lastLines) add(text string, stderr bool) {
	*l = append(*l, outputLine{text, stderr})
	if len(*l) <= tailLines {
		return
	}
	n := map[bool]int{}
	for _, line := range *l {
		n[line.stderr]++
	}
	oldest := slices.IndexFunc(*l, func(line outputLine) bool { return n[line.stderr] > tailLines/2 })
	*l = slices.Delete(*l, oldest, oldest+1)
}

func (l lastLines) text() (lines []string) {
	for _, line := range l {
		lines = append(lines, line.text)
	}
	return lines
}

// lineWriter cuts what is written to it into lines.
type lineWriter struct {
	line func(string)
	mu   sync.Mutex
	rest []byte
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) < 64<<10 {
			return len(p), nil
		}
		if i < 0 {
			i = len(l.rest) - 1
		}
		l.line(strings.TrimRight(string(l.rest[:i+1]), "\r\n"))
		l.rest = append(l.rest[:0], l.rest[i+1:]...)
	}
}

// flush hands on a last line without newline.
func (l *lineWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.line(string(l.rest))
		l.rest = nil
	}
}
