package diskimage

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/unpack"
	"github.com/bootloom/bootloom/registry"
)

// Chroot runs the tool's container on this machine without podman or any other container engine, as root: the image is fetched and
// unpacked here, and its programs run in namespaces of their own (mounts, processes, network unless the format needs one), as in
// a privileged container.
type Chroot struct {
	// Registry says how to reach the registry of the tool's image. Its OnEvent is not used.
	Registry registry.Client
}

var _ Runner = Chroot{}

// Preflight looks for root and for the programs of util-linux.
func (c Chroot) Preflight(_ context.Context, j Job) (Report, error) {
	if j.Tool.image() == "" {
		return nil, errNoToolImage(j)
	}
	var r Report
	fatal := func(what, why, fix string) { r = append(r, Problem{What: what, Why: why, Fix: fix, Fatal: true}) }
	if runtime.GOOS != "linux" {
		fatal("this machine runs "+runtime.GOOS, "the tool runs on Linux", "use a Node")
		return r, nil
	}
	if os.Geteuid() != 0 {
		fatal("this program does not run as root", "the tool mounts file systems and makes loop devices", "run as root, or use a Node")
	}
	for _, name := range []string{"unshare", "mount", "pivot_root"} {
		if _, err := lookTool(name); err != nil {
			fatal(name+" is not installed", "it makes the place for the tool", "install util-linux and mount")
		}
	}
	return append(r, machine(j)...), nil
}

// inside makes the directory "$1" the root, with what a privileged container has, and runs the rest there. The marker is what the tool
// looks for to know that it is in a container.
const inside = `
root=$1 storage=$2
shift 2
mount --bind "$root" "$root"
cd "$root"
mkdir -p proc sys dev run tmp output store images var/lib/containers/storage old
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
: >run/.containerenv
mount -t tmpfs tmpfs tmp
mount --bind "$storage" var/lib/containers/storage
for pair in images:ro output:rw store:rw config.json:ro; do
	name=${pair%:*}
	[ -e "../$name" ] || continue
	[ -d "../$name" ] || : >"$name"
	mount --bind "../$name" "$name"
	mount -o "remount,bind,${pair#*:}" "$name"
done
pivot_root . old
umount -l /old
rmdir /old
cd /output
exec "$@"`

// Run unpacks the tool and runs each step in it.
func (c Chroot) Run(ctx context.Context, j Job) error {
	if err := errors.Join(os.Mkdir(j.at("store"), 0o700), os.Mkdir(j.at("containers"), 0o700)); err != nil {
		return err
	}
	env, err := c.unpack(ctx, j)
	if err != nil {
		return &bootc.OpError{Op: "pull", Ref: j.Tool.image(), Err: err}
	}
	from := j.at("containers")
	if j.LiveHostStore {
		from = storage
	}
	for _, s := range j.Steps(inContainer) {
		argv := []string{"--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"}
		if !j.Network {
			argv = append(argv, "--net")
		}
		argv = slices.Concat(argv, []string{"sh", "-euc", inside, "sh", j.at("tool"), from, "/usr/bin/env", "-i"}, env, []string{s.Program}, s.Args)
		err := process(ctx, exec.Command("unshare", argv...), s.Stdout, j.Line, nil)
		if e, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
			return &ExitError{s.Program, e.ExitCode()}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unpack fetches the tool's image into Dir/tool, and returns its environment.
func (c Chroot) unpack(ctx context.Context, j Job) ([]string, error) {
	client := c.Registry
	client.OnEvent = j.OnEvent
	j.OnEvent(bootc.Event{Kind: bootc.EventStart, Op: "pull", Ref: j.Tool.image()})
	r, err := client.Open(ctx, bootc.Image{Location: "docker://" + j.Tool.image()}, "linux/"+runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := os.Mkdir(j.at("tool"), 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(j.at("tool"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for i := range r.Layers {
		if err := unpackLayer(ctx, r, i, root); err != nil {
			return nil, err
		}
	}
	j.OnEvent(bootc.Event{Kind: bootc.EventDone, Op: "pull", Ref: j.Tool.image()})
	env := r.Config.Config.Env
	if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "PATH=") }) {
		env = append(slices.Clip(env), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	return append(slices.Clip(env), "HOME=/root"), nil
}

// unpackLayer streams a layer into root: its last bytes come only if they have the digest of the manifest.
func unpackLayer(ctx context.Context, r *registry.Reader, i int, root *os.Root) error {
	blob, err := r.Layer(ctx, i)
	if err != nil {
		return err
	}
	defer blob.Close()
	in := bufio.NewReaderSize(blob, 1<<20)
	var plain io.Reader = in
	switch magic, _ := in.Peek(4); {
	case len(magic) > 1 && magic[0] == 0x1f && magic[1] == 0x8b:
		if plain, err = gzip.NewReader(in); err != nil {
			return err
		}
	case string(magic) == "\x28\xb5\x2f\xfd":
		d, err := zstd.NewReader(in)
		if err != nil {
			return err
		}
		defer d.Close()
		plain = d
	}
	if err := unpack.Layer(root, tar.NewReader(plain)); err != nil {
		return fmt.Errorf("layer %s: %w", r.Layers[i].Digest, err)
	}
	// What follows the end mark of the tar counts for the digest.
	_, err = io.Copy(io.Discard, plain)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	return err
}
