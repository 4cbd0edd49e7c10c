package diskimage

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
	// Cache is a directory that keeps the unpacked image for the next time, by its digest: root's own, on a file system that overlays
	// can lie on. It can be emptied when nothing runs. Without one each run fetches the image.
	Cache string
}

var _ Runner = Chroot{}

// Preflight looks for root and for the programs of util-linux.
func (c Chroot) Preflight(_ context.Context, j Job) (bootc.Preflight, error) {
	if j.Tool.image() == "" {
		return nil, errNoToolImage(j)
	}
	var r bootc.Preflight
	fatal := func(what, why, fix string) { r = append(r, bootc.Problem{What: what, Why: why, Fix: fix, Fatal: true}) }
	if runtime.GOOS != "linux" {
		fatal("this machine runs "+runtime.GOOS, "the tool runs on Linux", "use a Node")
		return r, nil
	}
	if os.Geteuid() != 0 {
		fatal("this program does not run as root", "the tool mounts file systems and makes loop devices", "run as root, or use a Node")
	}
	if strings.ContainsAny(c.Cache, ":,") { // of overlay's options
		return nil, bootc.Errorf("Chroot.Cache", "%q has a colon or comma, which mounts take for their own", c.Cache)
	}
	for _, name := range []string{"unshare", "mount", "pivot_root"} {
		if _, err := lookTool(name); err != nil {
			fatal(name+" is not installed", "it makes the place for the tool", "install util-linux and mount")
		}
	}
	return append(r, machine(j)...), nil
}

// inside makes a root of the tool's files "$1", on which nothing is ever written, in the directory of the run "$2", with what a
// privileged container has and the container store "$3", and runs the rest there. The marker in /run is what the tool looks
// for to know that it is in a container.
const inside = `
tool=$1 dir=$2 storage=$3
shift 3
cd "$dir"
mount -t tmpfs tmpfs upper
mkdir upper/upper upper/work
mount -t overlay -o lowerdir="$tool",upperdir="$dir/upper/upper",workdir="$dir/upper/work" overlay root
cd root
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
	[ -e "$dir/$name" ] || continue
	[ -d "$dir/$name" ] || : >"$name"
	mount --bind "$dir/$name" "$name"
	mount -o "remount,bind,${pair#*:}" "$name"
done
pivot_root . old
umount -l /old
rmdir /old
cd /output
exec "$@"`

// Run unpacks the tool and runs each step in it.
func (c Chroot) Run(ctx context.Context, j Job) error {
	for _, dir := range []string{"store", "containers", "root", "upper"} {
		if err := os.Mkdir(j.at(dir), 0o700); err != nil {
			return err
		}
	}
	tool, env, err := c.fetch(ctx, j)
	if err != nil {
		return &bootc.OpError{Op: "pull", Ref: j.Tool.image(), Err: err}
	}
	from := j.at("containers")
	if j.LiveHostStore {
		from = storage
	}
	for _, s := range j.Steps(inContainer) {
		var own []string
		if !j.Network {
			own = []string{"--net"}
		}
		argv := slices.Concat([]string{"sh", "-euc", inside, "sh", tool, j.Dir, from, "/usr/bin/env", "-i"}, env, []string{s.Program}, s.Args)
		if err := apart(ctx, j, s, own, argv); err != nil {
			return err
		}
	}
	return nil
}

// fetch brings the tool's image here, and returns the directory that has its files, and its environment.
func (c Chroot) fetch(ctx context.Context, j Job) (dir string, env []string, err error) {
	client := c.Registry
	client.OnEvent = j.OnEvent
	r, err := client.Open(ctx, bootc.Image{Location: "docker://" + j.Tool.image()}, "linux/"+runtime.GOARCH)
	if err != nil {
		return "", nil, err
	}
	defer r.Close()
	env = append(slices.Clip(r.Config.Config.Env), "HOME=/root")
	if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "PATH=") }) {
		env = append(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	if c.Cache == "" {
		dir = j.at("tool")
		return dir, env, unpackTool(ctx, j, r, dir)
	}
	dir = filepath.Join(c.Cache, "bootloom-tool-"+r.Digest.Encoded())
	if _, err := os.Stat(dir); err == nil {
		return dir, env, nil
	}
	tmp, err := os.MkdirTemp(c.Cache, ".bootloom-tool-")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(tmp)
	if err := unpackTool(ctx, j, r, filepath.Join(tmp, "root")); err != nil {
		return "", nil, err
	}
	err = os.Rename(filepath.Join(tmp, "root"), dir)
	if errors.Is(err, fs.ErrExist) { // another build was as quick
		err = nil
	}
	return dir, env, err
}

// unpackTool unpacks all layers into dir, which it makes.
func unpackTool(ctx context.Context, j Job, r *registry.Reader, dir string) error {
	j.OnEvent(bootc.Event{Kind: bootc.EventStart, Op: "pull", Ref: j.Tool.image()})
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for i := range r.Layers {
		if err := unpackLayer(ctx, r, i, root); err != nil {
			return err
		}
	}
	j.OnEvent(bootc.Event{Kind: bootc.EventDone, Op: "pull", Ref: j.Tool.image()})
	return nil
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
