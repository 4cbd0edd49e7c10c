package diskimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// Podman runs the tool's container with the podman command of this machine, as root. The container store that the tool reads
// is made for the run; the machine's own has the tool's image, and no more. The container is privileged, since the tool mounts
// and makes loop devices, and has no network unless the format needs one.
type Podman struct {
	// Command is podman with its global arguments; nil for {"podman"}. An ordinary user takes {"sudo", "podman"}.
	Command []string
	// AuthFile has the logins for the registry of the tool's image; empty for podman's own.
	AuthFile string
	// Network of the container, as podman run has it: empty for "none", or "host" where the format needs a network.
	Network string
	// RunArgs are further arguments of podman run, such as {"--env-file", "proxy.env"}.
	RunArgs []string
}

var _ Runner = Podman{}

// Preflight asks podman about itself.
func (p Podman) Preflight(ctx context.Context, j Job) (bootc.Preflight, error) {
	if j.Tool.image() == "" {
		return nil, errNoToolImage(j)
	}
	var r bootc.Preflight
	if _, err := exec.LookPath(p.argv()[0]); err != nil {
		return append(r, bootc.Problem{What: p.argv()[0] + " is not installed", Why: "it runs the tool's container", Fix: "install podman, or use another Runner", Fatal: true}), nil
	}
	info, err := p.info(ctx)
	if err != nil {
		return nil, err
	}
	if info.Host.Remote || runtime.GOOS != "linux" {
		return append(r, bootc.Problem{What: "podman runs its containers on another machine", Why: "the directories of this one are not there",
			Fix: "use a Node with the address that `podman system connection list` shows", Fatal: true}), nil
	}
	if info.Host.Security.Rootless {
		r = append(r, rootless)
	}
	if p.runtime(info) == "crun" && hybridCgroups() {
		r = append(r, bootc.Problem{What: "this machine has the old cgroups beside the new ones", Why: "podman's runtime crun does not run there",
			Fix: "install runc, or boot with systemd.unified_cgroup_hierarchy=1", Fatal: true})
	}
	return append(r, machine(j)...), nil
}

var rootless = bootc.Problem{What: "podman runs as an ordinary user", Why: "the tool mounts file systems and makes loop devices",
	Fix: `run as root, or let Podman.Command be {"sudo", "podman"}`, Fatal: true}

// Run runs each step in a container of its own.
func (p Podman) Run(ctx context.Context, j Job) error {
	info, err := p.info(ctx)
	if err != nil {
		return err
	}
	p.sweep(ctx)
	if err := p.pull(ctx, j); err != nil {
		return err
	}
	for _, dir := range []string{"store", "containers"} {
		if err := os.Mkdir(j.at(dir), 0o700); err != nil {
			return err
		}
	}
	defer p.tidy(ctx, j, info)
	for _, s := range j.Steps(inContainer) {
		if err := p.step(ctx, j, s, info); err != nil {
			return err
		}
	}
	return nil
}

func (p Podman) step(ctx context.Context, j Job, s Step, info podmanInfo) error {
	stop := func() { // SIGTERM to the tool: it ends with 2
		ctx, cancel := cleanup(ctx)
		defer cancel()
		_ = p.command(ctx, "stop", "--ignore", "--time", "10", j.Name).Run()
	}
	err := process(ctx, p.command(context.WithoutCancel(ctx), p.runArgs(j, s, info)...), s.Stdout, j.Line, stop)
	if ctx.Err() != nil {
		ctx, cancel := cleanup(ctx)
		defer cancel()
		_ = p.command(ctx, "rm", "--force", "--ignore", "--volumes", j.Name).Run()
		return err
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		if code := e.ExitCode(); code != 125 { // podman's own, but for what follows
			return &ExitError{s.Program, code}
		}
		return &ExitError{"podman", 125}
	}
	return err
}

// runArgs are the arguments of podman for a step, as the tool's documentation has them where it says anything.
func (p Podman) runArgs(j Job, s Step, info podmanInfo) []string {
	a := append(p.global(info), "run", "--rm", "--name", j.Name, "--label", label+"="+j.owner(), "--pull", "never",
		"--privileged", "--security-opt", "label=type:unconfined_t", "--network", p.network(j))
	// Without CAP_SYS_RESOURCE podman cannot raise the limits as it likes to.
	a = append(a, ulimits()...)
	volume := func(from, to string) { a = append(a, "--volume", from+":"+to) }
	if j.Config {
		volume(j.at("config.json"), inContainer.Config+":ro")
	}
	if len(j.Images) > 0 {
		volume(j.at("images"), inContainer.Images+":ro")
	}
	volume(j.at("output"), inContainer.Output)
	volume(j.at("store"), inContainer.Store)
	if j.LiveHostStore {
		volume(info.Store.GraphRoot, storage)
	} else {
		volume(j.at("containers"), storage)
	}
	a = append(a, p.RunArgs...)
	return append(append(a, "--entrypoint", s.Program, j.Tool.image()), s.Args...)
}

func (p Podman) network(j Job) string {
	switch {
	case p.Network != "":
		return p.Network
	case j.Network:
		return "host"
	}
	return "none"
}

// pull fetches the tool's image if the machine does not have it.
func (p Podman) pull(ctx context.Context, j Job) error {
	image := j.Tool.image()
	if p.command(ctx, "image", "exists", image).Run() == nil {
		return nil
	}
	j.OnEvent(bootc.Event{Kind: bootc.EventStart, Op: "pull", Ref: image})
	args := []string{"pull"}
	if p.AuthFile != "" {
		args = append(args, "--authfile", p.AuthFile)
	}
	var last string
	err := process(ctx, p.command(context.WithoutCancel(ctx), append(args, image)...), nil, func(text string) {
		if strings.TrimSpace(text) != "" {
			last = text
		}
		j.OnEvent(bootc.Event{Kind: bootc.EventLog, Op: "pull", Ref: image, Text: text})
	}, nil)
	if err != nil {
		return &bootc.OpError{Op: "pull", Ref: image, Err: fmt.Errorf("podman pull: %w: %s", err, last)}
	}
	j.OnEvent(bootc.Event{Kind: bootc.EventDone, Op: "pull", Ref: image})
	return nil
}

// sweep removes the containers of runs that were killed.
func (p Podman) sweep(ctx context.Context) {
	out, err := p.command(ctx, "ps", "--all", "--filter", "label="+label, "--format", `{{.Names}} {{index .Labels "`+label+`"}}`).Output()
	if err != nil {
		return
	}
	for line := range strings.Lines(string(out)) {
		if name, owner, _ := strings.Cut(strings.TrimSpace(line), " "); isOrphan(owner) {
			_ = p.command(ctx, "rm", "--force", "--volumes", name).Run()
		}
	}
}

// tidy makes a directory removable that root has filled for an ordinary user.
func (p Podman) tidy(ctx context.Context, j Job, info podmanInfo) {
	if os.Geteuid() == 0 || j.LiveHostStore {
		return
	}
	ctx, cancel := cleanup(ctx)
	defer cancel()
	s := Step{Program: "find", Args: []string{inContainer.Store, storage, "-mindepth", "1", "-delete"}}
	_ = p.command(ctx, p.runArgs(j, s, info)...).Run()
}

func (p Podman) argv() []string {
	if len(p.Command) == 0 {
		return []string{"podman"}
	}
	return p.Command
}

func (p Podman) command(ctx context.Context, args ...string) *exec.Cmd {
	argv := slices.Concat(p.argv(), args)
	return exec.CommandContext(ctx, argv[0], argv[1:]...)
}

// runtime is the OCI runtime that is used: runc where crun would refuse.
func (p Podman) runtime(info podmanInfo) string {
	name := info.Host.OCIRuntime.Name
	if name == "crun" && hybridCgroups() {
		if _, err := lookTool("runc"); err == nil {
			return "runc"
		}
	}
	return name
}

// global are podman's arguments before "run".
func (p Podman) global(info podmanInfo) []string {
	if name := p.runtime(info); name != info.Host.OCIRuntime.Name {
		return []string{"--runtime", name}
	}
	return nil
}

// lookTool finds programs of root's PATH as well.
func lookTool(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/local/sbin/"} {
		if err != nil {
			path, err = exec.LookPath(dir + name)
		}
	}
	return path, err
}
