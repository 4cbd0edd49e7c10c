package diskimage

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"slices"

	"github.com/bootloom/bootloom/bootc"
)

// Host runs the tool that is installed on this machine, with the osbuild, podman and skopeo that are there, as root. The tool knows one
// container store, that of the machine: it gets a mount namespace in which a store made for the run is in that place.
type Host struct {
	// Program is the path of the tool; empty for the Tool's name in PATH. Its name tells the tool which face to show.
	Program string
}

var _ Runner = Host{}

// Preflight looks for the programs.
func (h Host) Preflight(_ context.Context, j Job) (bootc.Preflight, error) {
	var r bootc.Preflight
	fatal := func(what, why, fix string) { r = append(r, bootc.Problem{What: what, Why: why, Fix: fix, Fatal: true}) }
	if runtime.GOOS != "linux" {
		fatal("this machine runs "+runtime.GOOS, "the tool runs on Linux", "use a Node")
		return r, nil
	}
	if os.Geteuid() != 0 {
		fatal("this program does not run as root", "the tool mounts file systems and makes loop devices", "run as root, or use a Node")
	}
	if _, err := h.program(j.Tool); err != nil {
		fatal(err.Error(), "it makes the disk", "install it, set Host.Program, or use Podman, which has it in a container")
	}
	needed := []string{"podman", "skopeo", "unshare", "mount"}
	if !j.Manifest {
		needed = append(needed, "osbuild")
	}
	for _, name := range needed {
		if _, err := lookTool(name); err != nil {
			fatal(name+" is not installed", "the tool needs it", "install it, or use Podman, which has it in a container")
		}
	}
	return append(r, machine(j)...), nil
}

func (h Host) program(t Tool) (string, error) {
	if h.Program != "" {
		return exec.LookPath(h.Program)
	}
	return lookTool(string(t.name()))
}

// privately runs "$2"… where "$1" is the container store. What podman shares between its calls by way of the machine (locks, run
// root) is private too, lest it takes the locks of other containers for its own.
const privately = `
mkdir -p ` + storage + `
mount --bind "$1" ` + storage + `
for dir in /run/containers /run/libpod /dev/shm; do
	mkdir -p "$dir"
	mount -t tmpfs tmpfs "$dir"
done
shift
exec "$@"`

// Run runs each step in namespaces of its own, with which all that it has started ends.
func (h Host) Run(ctx context.Context, j Job) error {
	program, err := h.program(j.Tool)
	if err != nil {
		return err
	}
	for _, dir := range []string{"store", "containers"} {
		if err := os.Mkdir(j.at(dir), 0o700); err != nil {
			return err
		}
	}
	at := Paths{Config: j.at("config.json"), Images: j.at("images"), Output: j.at("output"), Store: j.at("store")}
	for _, s := range j.Steps(at) {
		argv := slices.Concat([]string{s.Program}, s.Args)
		if s.Program == string(j.Tool.name()) {
			argv[0] = program
		}
		if !j.LiveHostStore {
			argv = slices.Concat([]string{"sh", "-euc", privately, "sh", j.at("containers")}, argv)
		}
		if err := apart(ctx, j, s, []string{"--mount-proc"}, argv); err != nil {
			return err
		}
	}
	return nil
}
