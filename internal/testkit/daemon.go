package testkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bootloom/bootloom/internal/child"
)

// errPortTaken is in the chain of the error of a server whose port another process took first.
var errPortTaken = errors.New("port taken")

// daemon starts a server whose output goes to name.log in dir, and returns when ready returns nil, which is asked
// again and again, for a minute at most.
func daemon(ctx context.Context, dir, name string, cmd *exec.Cmd, ready func(context.Context) error) (*child.Process, error) {
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the server has its own
	cmd.Stdout, cmd.Stderr = log, log
	p, err := child.Start(cmd)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		notYet := ready(ctx)
		if notYet == nil {
			return p, nil
		}
		select {
		case <-p.Done():
			err = fmt.Errorf("%s ended: %w", name, p.Err())
		case <-ctx.Done():
			p.Kill()
			err = fmt.Errorf("%s is not ready: %w", name, errors.Join(notYet, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
			continue
		}
		output, _ := os.ReadFile(log.Name())
		if strings.Contains(strings.ToLower(string(output)), "address already in use") {
			err = errors.Join(err, errPortTaken)
		}
		return nil, fmt.Errorf("%w\n%s", err, tail(string(output), 4000))
	}
}

// freePorts returns n ports of the loopback interface that nobody listens on at this moment.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // not before all are found, lest one is found twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// listening is nil when somebody listens on that port of the loopback interface.
func listening(ctx context.Context, port int) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		return err
	}
	return c.Close()
}
