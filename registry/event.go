package registry

import (
	"io"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
)

// emit tells the caller, one event at a time however many blobs are on their way.
func (s *session) emit(e bootc.Event) {
	if s.client.OnEvent == nil {
		return
	}
	s.wire.events.Lock()
	defer s.wire.events.Unlock()
	s.client.OnEvent(e)
}

// step runs f between a start and a done event.
func (s *session) step(op, what string, f func() error) error {
	s.emit(bootc.Event{Kind: bootc.EventStart, Op: op, Ref: what})
	if err := f(); err != nil {
		return err
	}
	s.emit(bootc.Event{Kind: bootc.EventDone, Op: op, Ref: what})
	return nil
}

// progressEvery is the least time between two progress events of one blob, the last one apart.
const progressEvery = 100 * time.Millisecond

// metered reports what is read through it as progress of a blob.
type metered struct {
	io.Reader
	session *session
	op      string
	digest  digest.Digest
	n, size int64
	last    time.Time
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n += int64(n)
	if now := time.Now(); n > 0 && (now.Sub(m.last) >= progressEvery || m.n == m.size) {
		m.last = now
		m.session.emit(bootc.Event{Kind: bootc.EventProgress, Op: m.op, Ref: m.digest.String(), Bytes: m.n, Total: m.size})
	}
	return n, err
}
