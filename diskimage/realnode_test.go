//go:build linux

package diskimage

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

// serve runs podman's REST service on a socket until the test ends.
func serve(t *testing.T, p Podman) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bootloom-node-") // short, as sockets want it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "podman.sock")
	args := []string{"system", "service", "--time=0", "unix://" + socket}
	if hybridCgroups() {
		args = append([]string{"--runtime", "runc"}, args...)
	}
	// What the runner Podman does for podman here, a node's owner does in its containers.conf.
	conf := filepath.Join(dir, "containers.conf")
	limits := ulimits()
	var quoted []string
	for i := 1; i < len(limits); i += 2 {
		quoted = append(quoted, `"`+limits[i]+`"`)
	}
	if err := os.WriteFile(conf, []byte("[containers]\ndefault_ulimits = ["+strings.Join(quoted, ", ")+"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := p.command(context.Background(), args...)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+conf)
	ended := make(chan error, 1)
	go func() { ended <- process(ctx, cmd, nil, func(text string) { t.Log("podman: " + text) }, nil) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	waitFor(t, "unix", socket)
	return socket
}

func waitFor(t *testing.T, network, addr string) {
	t.Helper()
	for range 300 {
		if c, err := net.Dial(network, addr); err == nil {
			c.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("nobody listens at %s", addr)
}

func TestRealNode(t *testing.T) {
	p := newRealPodman(t)
	testReal(t, newPublished(t), Node{URI: "unix://" + serve(t, p)}, realTool)
}

// TestRealNodeSSH goes through a real sshd on loopback.
func TestRealNodeSSH(t *testing.T) {
	testkit.NeedTool(t, "sshd", "ssh-keygen")
	p := newRealPodman(t)
	socket := serve(t, p)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, phrase := range map[string]string{"host": "", "user": "open sesame", "other": ""} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-f", at(name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	if err := os.WriteFile(at("config"), []byte("ListenAddress "+addr+"\nHostKey "+at("host")+"\nAuthorizedKeysFile "+at("user.pub")+
		"\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	sshd, err := lookTool("sshd")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- process(ctx, exec.Command(sshd, "-D", "-e", "-f", at("config")), nil, func(text string) { t.Log("sshd: " + text) }, nil)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	waitFor(t, "tcp", addr)
	hostKey, err := os.ReadFile(at("host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	known := func(name, key string) string {
		if err := os.WriteFile(at(name), []byte("[127.0.0.1]:"+port+" "+key), 0o600); err != nil {
			t.Fatal(err)
		}
		return at(name)
	}
	otherKey, err := os.ReadFile(at("other.pub"))
	if err != nil {
		t.Fatal(err)
	}
	good := Node{URI: "ssh://root@" + addr + socket, Identity: at("user"), Passphrase: bootc.SecretBytes([]byte("open sesame")), KnownHosts: known("known", string(hostKey))}
	j := Job{Platform: "linux/amd64"}
	for _, c := range []struct {
		name string
		edit func(*Node)
		says string
	}{
		{"wrong passphrase", func(n *Node) { n.Passphrase = bootc.SecretBytes([]byte("open barley")) }, "Node.Identity"},
		{"no passphrase", func(n *Node) { n.Passphrase = bootc.SecretValue{} }, "Node.Passphrase"},
		{"unknown host", func(n *Node) { n.KnownHosts = known("empty", "") }, "knownhosts"},
		{"other host key", func(n *Node) { n.KnownHosts = known("wrong", string(otherKey)) }, "key mismatch"},
		{"stranger", func(n *Node) { n.Identity = at("other") }, "unable to authenticate"},
		{"no socket", func(n *Node) { n.URI += ".not" }, ""},
	} {
		n := good
		c.edit(&n)
		if _, err := n.Preflight(t.Context(), j); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.says)
		}
	}
	pub := newPublished(t)
	o := BuildOptions{Registry: pub.client, WorkDir: t.TempDir(), Output: filepath.Join(t.TempDir(), "disk"), Tool: Tool{Image: realTool}, IgnoreFreeSpace: true}
	d, err := pub.bootableTiny(t).As(QCOW2).Build(t.Context(), good, o)
	if err != nil || d.Digest != sum(t, o.Output) {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestNodeURI(t *testing.T) {
	for _, uri := range []string{"", "podman.sock", "unix://podman.sock", "ssh://host", "ssh://u:p@host/run/podman.sock", "http://host/x", "tcp://127.0.0.1:80/"} {
		if _, err := (Node{URI: uri}).Preflight(t.Context(), Job{}); err == nil || fieldPaths(err) == nil {
			t.Errorf("%q: %v", uri, err)
		}
	}
}
