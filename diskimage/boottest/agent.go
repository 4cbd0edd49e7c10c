package boottest

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// The agent is a service of the machine that runs what this host sends by a virtio port. (The serial console will not do:
// getty hangs it up.)

//go:embed agent.sh
var agentScript string

const (
	agentPort = "io.github.bootloom.boottest"
	agentUnit = "bootloom-boottest.service"
	agentFile = "bootloom.boottest.agent" // the credential that is the script

	// maxCredentials is what fits into the SMBIOS tables, whose length has 16 bits, beside all else that is there.
	maxCredentials = 56 << 10
)

// credentials are all that the machine gets: the agent, and what Machine adds.
func (m Machine) credentials() (map[string][]byte, error) {
	all := maps.Clone(m.Credentials)
	if all == nil {
		all = map[string][]byte{}
	}
	put := func(name, content string) error {
		if _, taken := all[name]; taken {
			return bootc.Errorf("Credentials", "%s is taken by the boot test", name)
		}
		all[name] = []byte(content)
		return nil
	}
	// systemd.system-credentials(7), since systemd 256.
	errs := []error{
		put(agentFile, agentScript),
		put("systemd.extra-unit."+agentUnit, "[Unit]\nDescription=Commands of the boot test\n[Service]\nType=exec\nLoadCredential=agent:"+agentFile+
			"\nEnvironment=port=/dev/virtio-ports/"+agentPort+"\nExecStart=/bin/sh ${CREDENTIALS_DIRECTORY}/agent\n"),
	}
	wants := []string{agentUnit}
	for _, name := range slices.Sorted(maps.Keys(m.Units)) {
		errs = append(errs, put("systemd.extra-unit."+name, m.Units[name]))
		wants = append(wants, name)
	}
	errs = append(errs, put("systemd.unit-dropin.multi-user.target~bootloom", "[Unit]\nWants="+strings.Join(wants, " ")+"\n"))
	if m.SSHKey != "" {
		errs = append(errs, put("ssh.authorized_keys.root", strings.TrimSpace(m.SSHKey)+"\n"))
	}
	return all, errors.Join(errs...)
}

// smbios is an argument for QEMU that hands over credentials (io.systemd.credential.binary in strings of type 11).
func smbios(credentials map[string][]byte) (string, error) {
	arg := "type=11"
	for _, name := range slices.Sorted(maps.Keys(credentials)) {
		arg += ",value=io.systemd.credential.binary:" + name + "=" + base64.StdEncoding.EncodeToString(credentials[name])
	}
	if len(arg) > maxCredentials {
		return "", bootc.Errorf("Credentials", "have, with Units, %d bytes in base64: at most %d fit", len(arg), maxCredentials)
	}
	return arg, nil
}

// Result is what a script did.
type Result struct {
	Stdout, Stderr string
	// Status is that of the shell: 0 is good, 128 and more a signal.
	Status int
}

// agent is the host's end.
type agent struct {
	ready chan struct{}
	turn  chan struct{} // holds one token: scripts take turns

	mu      sync.Mutex
	conn    net.Conn // nil until QEMU is there
	next    int
	waiting map[string]chan Result
}

func newAgent() *agent {
	a := &agent{ready: make(chan struct{}), turn: make(chan struct{}, 1), waiting: map[string]chan Result{}}
	a.turn <- struct{}{}
	return a
}

// serve reads what the machine says until the connection ends.
func (a *agent) serve(conn net.Conn) {
	a.mu.Lock()
	a.conn = conn
	a.mu.Unlock()
	var (
		r    = bufio.NewReader(conn)
		once sync.Once
		at   *strings.Builder
		res  Result
		text [2]strings.Builder
	)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		word := strings.Fields(line)
		switch {
		case len(word) == 0:
		case word[0] == "ready":
			once.Do(func() { close(a.ready) })
		case word[0] == "begin" && len(word) == 3:
			text[0].Reset()
			text[1].Reset()
			res = Result{}
			res.Status, _ = strconv.Atoi(word[2])
			at = &text[0]
		case word[0] == "and":
			at = &text[1]
		case word[0] == "end" && len(word) == 2:
			out, _ := base64.StdEncoding.DecodeString(text[0].String())
			errs, _ := base64.StdEncoding.DecodeString(text[1].String())
			res.Stdout, res.Stderr = string(out), string(errs)
			a.answer(word[1], res)
			at = nil
		case at != nil:
			at.WriteString(word[0])
		}
	}
}

func (a *agent) answer(id string, r Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.waiting[id]; c != nil {
		c <- r // has room
		delete(a.waiting, id)
	}
}

// send writes a line to the machine.
func (a *agent) send(line string) error {
	a.mu.Lock()
	conn := a.conn
	a.mu.Unlock()
	if conn == nil {
		return io.ErrClosedPipe
	}
	_, err := io.WriteString(conn, line+"\n")
	return err
}

// run runs a script when it is its turn. gone ends it. A script that is given up is killed before the next one begins.
func (a *agent) run(ctx context.Context, script string, gone <-chan struct{}) (Result, error) {
	select {
	case <-a.turn:
	case <-ctx.Done():
		return Result{}, ctx.Err()
	case <-gone:
		return Result{}, ErrOff
	}
	a.mu.Lock()
	a.next++
	id, done := strconv.Itoa(a.next), make(chan Result, 1)
	a.waiting[id] = done
	a.mu.Unlock()
	if err := a.send(id + " " + base64.StdEncoding.EncodeToString([]byte(script))); err != nil {
		a.turn <- struct{}{}
		return Result{}, fmt.Errorf("sending the script: %w", err)
	}
	select {
	case r := <-done:
		a.turn <- struct{}{}
		return r, nil
	case <-gone:
		a.turn <- struct{}{}
		return Result{}, ErrOff
	case <-ctx.Done():
		go a.kill(done, gone)
		return Result{}, ctx.Err()
	}
}

// kill ends the script that runs, and passes the turn on.
func (a *agent) kill(done <-chan Result, gone <-chan struct{}) {
	defer func() { a.turn <- struct{}{} }()
	for {
		if a.send("kill") != nil {
			return
		}
		select {
		case <-done:
			return
		case <-gone:
			return
		case <-time.After(time.Second): // the script had perhaps not begun
		}
	}
}
