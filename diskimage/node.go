package diskimage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
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
func (n Node) Preflight(ctx context.Context, j Job) (Report, error) {
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
	var r Report
	if info.Host.Security.Rootless {
		p := rootless
		p.Fix = "use the socket of root's podman, /run/podman/podman.sock (systemctl enable --now podman.socket)"
		r = append(r, p)
	}
	if arch := strings.Split(j.Platform, "/")[1]; info.Host.Arch != "" && info.Host.Arch != arch {
		r = append(r, Problem{What: "the node is " + info.Host.Arch, Why: "the image is for " + j.Platform,
			Fix: "use a node of that architecture; with qemu-user-static on the node it can work as well"})
	}
	if have := int64(info.Store.Allocated) - int64(info.Store.Used); j.Need > 0 && info.Store.Allocated > 0 && Size(have) < j.Need {
		p := noSpace("the node's "+info.Store.GraphRoot, have, j.Need)
		p.Fix = "make room there (podman system prune), or try all the same with IgnoreFreeSpace"
		r = append(r, *p)
	}
	return r, nil
}

// session is one job on a node.
type session struct {
	*libpod
	node Node
	job  Job
	info podmanInfo
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

// volumes of a job by where they are mounted.
func (s *session) volumes() []namedVolume {
	v := []namedVolume{{s.job.Name + "-output", inContainer.Output}, {s.job.Name + "-store", inContainer.Store}}
	if len(s.job.Images) > 0 {
		v = append(v, namedVolume{s.job.Name + "-images", inContainer.Images})
	}
	if !s.job.LiveHostStore {
		v = append(v, namedVolume{s.job.Name + "-containers", storage})
	}
	return v
}

// prepare fetches the tool's image and makes the volumes.
func (s *session) prepare(ctx context.Context) error {
	image := s.job.Tool.image()
	err := s.call(ctx, "GET", "/images/"+url.PathEscape(image)+"/exists", nil, nil, nil)
	if isMissing(err) {
		s.job.OnEvent(bootc.Event{Kind: bootc.EventStart, Op: "pull", Ref: image})
		err = s.pull(ctx, image, s.node.Login, func(text string) {
			s.job.OnEvent(bootc.Event{Kind: bootc.EventLog, Op: "pull", Ref: image, Text: text})
		})
		if err != nil {
			return &bootc.OpError{Op: "pull", Ref: image, Err: err}
		}
		s.job.OnEvent(bootc.Event{Kind: bootc.EventDone, Op: "pull", Ref: image})
	}
	if err != nil {
		return err
	}
	for _, v := range s.volumes() {
		in := map[string]any{"Name": v.Name, "Label": map[string]string{label: s.job.owner()}}
		if err := s.call(ctx, "POST", "/volumes/create", nil, in, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) step(ctx context.Context, step Step, first, last bool) error {
	name := s.job.Name
	if err := s.call(ctx, "POST", "/containers/create", nil, s.spec(step), nil); err != nil {
		return err
	}
	if first && len(s.job.Images) > 0 {
		if err := s.send(ctx, s.job.at("images"), inContainer.Images); err != nil {
			return err
		}
	}
	if last && s.job.Config {
		if err := s.send(ctx, s.job.at("config.json"), inContainer.Config); err != nil {
			return err
		}
	}
	out := newLines(s.job.Line)
	errs := &lines{to: s.job.Line, mu: out.mu}
	var stdout io.Writer = out
	if step.Stdout != nil {
		stdout = step.Stdout
	}
	code, err := s.run(ctx, name, stdout, errs)
	out.flush()
	errs.flush()
	if err == nil && code != 0 {
		err = &ExitError{step.Program, code}
	}
	if err == nil && last && !s.job.Manifest {
		err = s.receive(ctx)
	}
	if err != nil {
		return err
	}
	return s.remove(ctx, name, 0)
}

func (s *session) spec(step Step) containerSpec {
	c := containerSpec{
		Name: s.job.Name, Image: s.job.Tool.image(), Entrypoint: []string{step.Program}, Command: step.Args, Privileged: true, SELinuxOpts: []string{"type:unconfined_t"},
		NetNS: map[string]string{"nsmode": Podman{Network: s.node.Network}.network(s.job)}, Volumes: s.volumes(),
		Labels: map[string]string{label: s.job.owner()}, OCIRuntime: s.node.Runtime, StopTimeout: 10,
	}
	if s.job.LiveHostStore {
		c.Mounts = []bindMount{{"bind", s.info.Store.GraphRoot, storage, []string{"rbind"}}}
	}
	return c
}

// send brings a file or directory of this machine to a path in the container.
func (s *session) send(ctx context.Context, from, to string) error {
	r, w := io.Pipe()
	go func() {
		tw := tar.NewWriter(w)
		err := filepath.WalkDir(from, func(file string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(from, file)
			if err != nil {
				return err
			}
			return addFile(tw, file, path.Join(strings.TrimPrefix(to, "/"), filepath.ToSlash(rel)))
		})
		if err == nil {
			err = tw.Close()
		}
		w.CloseWithError(err)
	}()
	size := treeSize(from)
	err := s.put(ctx, s.job.Name, "/", s.metered(ctx, "send", r, size))
	r.Close()
	if err != nil {
		return fmt.Errorf("send %s to the node: %w", path.Base(to), err)
	}
	return nil
}

func addFile(tw *tar.Writer, file, name string) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	h, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	h.Name, h.Uid, h.Gid, h.Uname, h.Gname = name, 0, 0, "", ""
	if info.IsDir() {
		h.Name += "/"
		return tw.WriteHeader(h)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(tw, f)
	return err
}

// treeSize is the size of the files at a path; it is for progress only.
func treeSize(root string) (n int64) {
	_ = filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

func (s *session) metered(ctx context.Context, op string, r io.Reader, total int64) io.Reader {
	return &meter{r: r, ctx: ctx, total: total, report: func(n, total int64) {
		s.job.OnEvent(bootc.Event{Kind: bootc.EventProgress, Op: op, Ref: s.node.URI, Bytes: n, Total: total})
	}}
}

// receive brings the tool's results to Dir/output.
func (s *session) receive(ctx context.Context) error {
	body, err := s.get(ctx, s.job.Name, inContainer.Output)
	if err != nil {
		return err
	}
	defer body.Close()
	root, err := os.OpenRoot(s.job.at("output"))
	if err != nil {
		return err
	}
	defer root.Close()
	for t := tar.NewReader(s.metered(ctx, "receive", body, -1)); ; {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("results of the node: %w", err)
		}
		_, name, _ := strings.Cut(path.Clean(h.Name), "/") // without output/
		if h.Typeflag != tar.TypeReg || name == "" {
			continue
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		f, err := root.Create(name)
		if err != nil {
			return err
		}
		w := &sparse{f: f}
		_, err = io.CopyBuffer(w, t, make([]byte, 1<<20))
		if err := errors.Join(err, w.end(), f.Close()); err != nil {
			return fmt.Errorf("results of the node: %w", err)
		}
	}
}

// detach ends the loop devices that the tool has left in a volume: the node keeps them otherwise, and the space of their files.
const detach = `find /store -type f -exec losetup --noheadings --output NAME --associated {} \; | xargs --no-run-if-empty losetup --detach`

// clean removes container and volumes, also when ctx has ended. failed says that the tool had no chance to clean up itself.
func (s *session) clean(ctx context.Context, failed bool) error {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	errs := []error{s.remove(ctx, s.job.Name, 10)}
	if failed {
		spec := s.spec(Step{Program: "sh", Args: []string{"-c", detach}})
		if s.call(ctx, "POST", "/containers/create", nil, spec, nil) == nil {
			_, _ = s.run(ctx, s.job.Name, io.Discard, io.Discard)
			errs = append(errs, s.remove(ctx, s.job.Name, 0))
		}
	}
	for _, v := range s.volumes() {
		err := s.call(ctx, "DELETE", "/volumes/"+v.Name, url.Values{"force": {"true"}}, nil, nil)
		if !isMissing(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sweep removes what runs of this machine that were killed have left on the node.
func (s *session) sweep(ctx context.Context) {
	filter := url.Values{"all": {"true"}, "filters": {`{"label":["` + label + `"]}`}}
	var containers []struct {
		Names  []string
		Labels map[string]string
	}
	if s.call(ctx, "GET", "/containers/json", filter, nil, &containers) == nil {
		for _, c := range containers {
			if len(c.Names) > 0 && isOrphan(c.Labels[label]) {
				_ = s.remove(ctx, c.Names[0], 0)
			}
		}
	}
	var volumes []struct {
		Name   string
		Labels map[string]string
	}
	if s.call(ctx, "GET", "/volumes/json", filter, nil, &volumes) == nil {
		for _, v := range volumes {
			if isOrphan(v.Labels[label]) {
				_ = s.call(ctx, "DELETE", "/volumes/"+v.Name, url.Values{"force": {"true"}}, nil, nil)
			}
		}
	}
}
