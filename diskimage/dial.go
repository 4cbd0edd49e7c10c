package diskimage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/bootloom/bootloom/bootc"
)

// dial reaches the node's podman.
func (n Node) dial(ctx context.Context) (*libpod, error) {
	u, err := n.parse()
	if err != nil {
		return nil, err
	}
	connect := func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", u.Path)
	}
	hangup := func() error { return nil }
	if u.Scheme == "ssh" {
		client, err := n.ssh(ctx, u)
		if err != nil {
			return nil, err
		}
		connect = func(ctx context.Context) (net.Conn, error) { return client.DialContext(ctx, "unix", u.Path) }
		hangup = client.Close
	}
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return connect(ctx) }}
	return &libpod{http: &http.Client{Transport: t}, close: func() error {
		t.CloseIdleConnections()
		return hangup()
	}}, nil
}

// parse reads the URI.
func (n Node) parse() (*url.URL, error) {
	u, err := url.Parse(n.URI)
	switch {
	case err != nil:
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return u, nil
	case u.Scheme == "ssh" && u.Host != "" && u.Path != "":
		if _, ok := u.User.Password(); ok {
			return nil, bootc.Errorf("Node.URI", "has a password: use a key (Identity) or an agent")
		}
		return u, nil
	}
	return nil, bootc.Errorf("Node.URI", "%q is no address of podman: want unix:///run/podman/podman.sock or ssh://user@host/run/podman/podman.sock", n.URI)
}

// ssh logs in to the machine of the node.
func (n Node) ssh(ctx context.Context, u *url.URL) (*ssh.Client, error) {
	config := &ssh.ClientConfig{User: u.User.Username()}
	if config.User == "" {
		me, err := user.Current()
		if err != nil {
			return nil, err
		}
		config.User = me.Username
	}
	methods, done, err := n.logins()
	if err != nil {
		return nil, err
	}
	defer done()
	config.Auth = methods
	if config.HostKeyCallback, err = n.hostKeys(); err != nil {
		return nil, err
	}
	addr := u.Host
	if u.Port() == "" {
		addr = net.JoinHostPort(u.Hostname(), "22")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // the handshake knows no context
	defer stop()
	c, chans, reqs, err := ssh.NewClientConn(conn, addr, config)
	if err != nil {
		conn.Close()
		if e, ok := errors.AsType[*knownhosts.KeyError](err); ok && len(e.Want) == 0 {
			err = fmt.Errorf("%w: connect once with ssh, or set Node.KnownHosts", err)
		}
		return nil, fmt.Errorf("ssh to %s: %w", addr, err)
	}
	return ssh.NewClient(c, chans, reqs), nil
}

// logins are the key of the node, or those of the user's agent.
func (n Node) logins() (methods []ssh.AuthMethod, done func() error, err error) {
	done = func() error { return nil }
	if n.Identity != "" {
		pem, err := os.ReadFile(n.Identity)
		if err != nil {
			return nil, done, &bootc.FieldError{Path: "Node.Identity", Err: err}
		}
		key, err := ssh.ParsePrivateKey(pem)
		if _, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
			phrase, rerr := n.Passphrase.Resolve()
			if rerr != nil {
				return nil, done, bootc.Errorf("Node.Passphrase", "the key %s is encrypted: %w", n.Identity, rerr)
			}
			key, err = ssh.ParsePrivateKeyWithPassphrase(pem, phrase)
		}
		if err != nil {
			return nil, done, bootc.Errorf("Node.Identity", "%s: %w", n.Identity, err)
		}
		return []ssh.AuthMethod{ssh.PublicKeys(key)}, done, nil
	}
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, done, bootc.Errorf("Node.Identity", "is empty, and there is no ssh agent (SSH_AUTH_SOCK)")
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, done, bootc.Errorf("Node.Identity", "is empty, and the ssh agent does not answer: %w", err)
	}
	return []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(conn).Signers)}, conn.Close, nil
}

func (n Node) hostKeys() (ssh.HostKeyCallback, error) {
	if n.InsecureIgnoreHostKey {
		return ssh.InsecureIgnoreHostKey(), nil
	}
	file := n.KnownHosts
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		file = filepath.Join(home, ".ssh", "known_hosts")
	}
	keys, err := knownhosts.New(file)
	if err != nil {
		return nil, bootc.Errorf("Node.KnownHosts", "%w", errors.New(strings.TrimPrefix(err.Error(), "knownhosts: ")))
	}
	return keys, nil
}
