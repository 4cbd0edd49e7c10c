package diskimage

import (
	"context"
	"errors"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// Node runs the tool's container over podman's REST API: on another machine by ssh, or here by the socket of the service. Images
// and configuration travel there, the disk back; a raw one with its zeros. Podman there is root's, 4.0 or later.
type Node struct {
	// URI is unix:///run/podman/podman.sock, or ssh://[user@]host[:port]/run/podman/podman.sock.
	URI string
	// Identity is the file of the private key for ssh; empty for the keys of the ssh agent.
	Identity string
	// Passphrase of an encrypted key.
	Passphrase bootc.SecretValue `json:"-"`
	// KnownHosts has the keys of hosts; empty for ~/.ssh/known_hosts.
	KnownHosts string
	// InsecureIgnoreHostKey trusts whoever answers.
	InsecureIgnoreHostKey bool
	// Login is for the registry of the tool's image; the zero value for the logins that the node has.
	Login registry.Credential `json:"-"`
	// Network of the container; empty for "none", or "host" where the format needs a network.
	Network string
	// Runtime is the node's OCI runtime, such as "runc"; empty for its default.
	Runtime string
}

var _ Runner = Node{}

// Preflight asks the node's podman about itself.
func (n Node) Preflight(ctx context.Context, j Job) (bootc.Preflight, error) {
	if j.Tool.image() == "" {
		return nil, errNoToolImage(j)
	}
	l, err := n.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer l.close()
	var info podmanInfo
	if err := l.call(ctx, "GET", "/info", nil, nil, &info); err != nil {
		return nil, err
	}
	var r bootc.Preflight
	if info.Host.Security.Rootless {
		p := rootless
		p.Fix = "use the socket of root's podman, /run/podman/podman.sock (systemctl enable --now podman.socket)"
		r = append(r, p)
	}
	if arch := strings.Split(j.Platform, "/")[1]; info.Host.Arch != "" && info.Host.Arch != arch {
		r = append(r, bootc.Problem{What: "the node is " + info.Host.Arch, Why: "the image is for " + j.Platform,
			Fix: "use a node of that architecture; with qemu-user-static on the node it can work as well"})
	}
	if have := int64(info.Store.Allocated) - int64(info.Store.Used); j.Need > 0 && info.Store.Allocated > 0 && Size(have) < j.Need {
		p := noSpace("the node's "+info.Store.GraphRoot, have, j.Need)
		p.Fix = "make room there (podman system prune), or try all the same with IgnoreFreeSpace"
		r = append(r, *p)
	}
	return r, nil
}

// Run runs each step in a container of its own. Volumes are what they share.
func (n Node) Run(ctx context.Context, j Job) (err error) {
	l, err := n.dial(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	s := &session{l, n, j, podmanInfo{}}
	if err := l.call(ctx, "GET", "/info", nil, nil, &s.info); err != nil {
		return err
	}
	s.sweep(ctx)
	defer func() { err = errors.Join(err, s.clean(ctx, err != nil)) }()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	steps := j.Steps(inContainer)
	for i, step := range steps {
		if err := s.step(ctx, step, i == 0, i == len(steps)-1); err != nil {
			return err
		}
	}
	return nil
}
