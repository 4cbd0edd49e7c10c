//go:build linux

package diskimage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// The stand-in is a podman that has the tool's container in it, for what cannot be had where the tests run: the real tool at a
// real build. It refuses what the real ones would refuse, checks what it is given, and plays what a test asks for.

// standInEnv names a directory with "play.json" (a play) and takes "calls", one podman command line a line.
const standInEnv = "BOOTLOOM_STAND_IN"

// play is what the stand-in is to do.
type play struct {
	Mode     string // see standInBuild; empty for a good end
	Exit     int    // status of the container, for Mode "exit"
	Rootless bool
	Pulled   bool   // the machine has the tool's image
	Store    string // graph root of the machine
}

func playStandIn(args []string) int {
	dir := os.Getenv(standInEnv)
	s := standIn{dir: dir}
	b, err := os.ReadFile(filepath.Join(dir, "play.json"))
	if err == nil {
		err = json.Unmarshal(b, &s.play)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stand-in:", err)
		return 99
	}
	s.record("calls", strings.Join(args, " "))
	code, err := s.podman(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error: stand-in:", err)
		s.record("complaints", err.Error())
		return 99
	}
	return code
}

type standIn struct {
	dir  string
	play play
}

func (s standIn) record(name, text string) {
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintln(f, text)
		f.Close()
	}
}

func (s standIn) podman(args []string) (int, error) {
	switch {
	case args[0] == "info":
		return 0, json.NewEncoder(os.Stdout).Encode(map[string]any{
			"host":  map[string]any{"arch": "amd64", "cgroupVersion": "v2", "ociRuntime": map[string]any{"name": "runc"}, "security": map[string]any{"rootless": s.play.Rootless}},
			"store": map[string]any{"graphRoot": s.play.Store},
		})
	case args[0] == "image" && args[1] == "exists":
		if _, err := os.Stat(filepath.Join(s.dir, "pulled")); err != nil && !s.play.Pulled {
			return 1, nil
		}
		return 0, nil
	case args[0] == "pull":
		if s.play.Mode == "no pull" {
			fmt.Fprintln(os.Stderr, "Error: initializing source docker://x: unauthorized")
			return 125, nil
		}
		s.record("pulled", "")
	case args[0] == "ps":
	case args[0] == "stop" || args[0] == "rm":
		return 0, s.stop(args)
	case args[0] == "run":
		return s.run(args[1:])
	default:
		return 0, fmt.Errorf("unexpected: podman %q", args)
	}
	return 0, nil
}

// stop ends the container as podman does: SIGTERM, then SIGKILL.
func (s standIn) stop(args []string) error {
	file := filepath.Join(s.dir, args[len(args)-1]+".pid")
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	pid, err := strconv.Atoi(string(b))
	if err != nil {
		return err
	}
	signal := syscall.SIGTERM
	if args[0] == "rm" {
		signal = syscall.SIGKILL
	}
	for i := range 100 {
		if i == 20 { // --time has passed
			signal = syscall.SIGKILL
		}
		if syscall.Kill(pid, signal) != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return os.Remove(file)
}

// container is a parsed podman run.
type container struct {
	flags   map[string][]string
	volumes map[string]volumeArg // by path inside
	program string
	args    []string
}

type volumeArg struct {
	from     string
	readOnly bool
}

// withValue are the flags of podman run that the stand-in knows to take a value.
var withValue = []string{"--name", "--label", "--pull", "--security-opt", "--network", "--ulimit", "--volume", "--entrypoint"}

// run checks the command line of podman (points 1 and 2 of what a run must be).
func (s standIn) run(args []string) (int, error) {
	c := container{flags: map[string][]string{}, volumes: map[string]volumeArg{}}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flag := args[0]
		args = args[1:]
		if !slices.Contains(withValue, flag) {
			c.flags[flag] = append(c.flags[flag], "")
			continue
		}
		c.flags[flag] = append(c.flags[flag], args[0])
		args = args[1:]
	}
	if len(args) == 0 {
		return 0, errors.New("no image")
	}
	image := args[0]
	c.args = args[1:]
	if e := c.flags["--entrypoint"]; len(e) == 1 {
		c.program = e[0]
	}
	if err := s.checkRun(c, image); err != nil {
		return 0, err
	}
	name := c.flags["--name"][0]
	if err := os.WriteFile(filepath.Join(s.dir, name+".pid"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return 0, err
	}
	defer os.Remove(filepath.Join(s.dir, name+".pid"))
	if s.play.Mode == "exit" {
		return s.play.Exit, nil
	}
	switch c.program {
	case "skopeo":
		return s.skopeo(c)
	case "bootc-image-builder":
		if len(c.args) == 1 && c.args[0] == "version" {
			fmt.Println("build_revision: 4bef593\nbuild_time: 2026-06-19T00:42:46Z\nbuild_tainted: false")
			return 0, nil
		}
		return s.bib(c)
	case "image-builder":
		if len(c.args) == 1 && c.args[0] == "version" {
			fmt.Println("image-builder:\n  version: 80\n  commit: 4bef593")
			return 0, nil
		}
		return s.ib(c)
	}
	fmt.Fprintf(os.Stderr, "Error: executable file `%s` not found in $PATH\n", c.program)
	return 127, nil
}

func (s standIn) checkRun(c container, image string) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, flag := range []string{"--rm", "--privileged"} {
		if c.flags[flag] == nil {
			bad("no %s", flag)
		}
	}
	for _, flag := range []string{"-t", "-i", "-it", "--tty", "--interactive", "--env", "-e"} {
		if c.flags[flag] != nil {
			bad("%s", flag)
		}
	}
	if !slices.Contains(c.flags["--security-opt"], "label=type:unconfined_t") {
		bad("no --security-opt label=type:unconfined_t")
	}
	if !slices.Equal(c.flags["--pull"], []string{"never"}) {
		bad("--pull %q: the image was there a moment ago", c.flags["--pull"])
	}
	if len(c.flags["--name"]) != 1 {
		bad("names %q", c.flags["--name"])
	} else if _, err := os.Stat(filepath.Join(s.dir, c.flags["--name"][0]+".pid")); err == nil {
		bad("the name %s is in use", c.flags["--name"][0])
	}
	if !strings.Contains(image, "@sha256:") && !strings.HasPrefix(image, "localhost/") {
		bad("the image %s is not pinned", image)
	}
	for _, v := range c.flags["--volume"] {
		part := strings.Split(v, ":")
		if _, again := c.volumes[part[1]]; again {
			bad("two volumes at %s", part[1])
		}
		c.volumes[part[1]] = volumeArg{part[0], len(part) > 2 && part[2] == "ro"}
	}
	for at, v := range c.volumes {
		readOnly := at == "/config.json" || at == "/images"
		if !slices.Contains([]string{"/config.json", "/images", "/output", "/store", storage}, at) || v.readOnly != readOnly {
			bad("volume %s at %s, read-only %t", v.from, at, v.readOnly)
		}
		if _, err := os.Stat(v.from); err != nil {
			bad("volume %s: %w", at, err)
		}
	}
	for _, at := range []string{"/output", "/store", storage} {
		if _, ok := c.volumes[at]; !ok {
			bad("no volume at %s", at)
		}
	}
	if c.volumes[storage].from == s.play.Store && s.play.Mode != "live" {
		bad("the live store of the machine is mounted")
	}
	if config, ok := c.volumes["/config.json"]; ok {
		if info, err := os.Stat(config.from); err == nil && info.Mode().Perm()&0o077 != 0 {
			bad("the configuration has mode %o", info.Mode().Perm())
		}
	}
	return errors.Join(errs...)
}

// imported is what the stand-in's container store has: the configs of images by name.
func imported(c container) (map[string]v1.Image, string) {
	file := filepath.Join(c.volumes[storage].from, "overlay", "images.json")
	images := map[string]v1.Image{}
	b, err := os.ReadFile(file)
	if err == nil {
		_ = json.Unmarshal(b, &images)
	}
	return images, file
}

// skopeo copies an image from the layout into the store.
func (s standIn) skopeo(c container) (int, error) {
	want := []string{"--insecure-policy", "copy", "--quiet"}
	if len(c.args) != 5 || !slices.Equal(c.args[:3], want) {
		return 0, fmt.Errorf("skopeo %q", c.args)
	}
	tag, ok := strings.CutPrefix(c.args[3], "oci:/images:")
	name, ok2 := strings.CutPrefix(c.args[4], "containers-storage:")
	if !ok || !ok2 {
		return 0, fmt.Errorf("skopeo %q", c.args)
	}
	layout := c.volumes["/images"].from
	read := func(name string, v any) error {
		b, err := os.ReadFile(filepath.Join(layout, name))
		if err == nil {
			err = json.Unmarshal(b, v)
		}
		return err
	}
	blob := func(d v1.Descriptor) string {
		return filepath.Join("blobs", d.Digest.Algorithm().String(), d.Digest.Encoded())
	}
	var index v1.Index
	if err := read("index.json", &index); err != nil {
		return 0, err
	}
	i := slices.IndexFunc(index.Manifests, func(d v1.Descriptor) bool { return d.Annotations[v1.AnnotationRefName] == tag })
	if i < 0 {
		return 0, fmt.Errorf("the layout has no image %q", tag)
	}
	var m v1.Manifest
	var config v1.Image
	if err := errors.Join(read(blob(index.Manifests[i]), &m)); err != nil {
		return 0, err
	}
	if err := read(blob(m.Config), &config); err != nil {
		return 0, err
	}
	for _, l := range m.Layers {
		if _, err := os.Stat(filepath.Join(layout, blob(l))); err != nil {
			return 0, err
		}
	}
	images, file := imported(c)
	images[name] = config
	b, err := json.Marshal(images)
	return 0, errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, b, 0o600))
}

// options parses the tool's command line: flags with one value, and what is no flag.
func options(args []string, known ...string) (map[string][]string, []string, error) {
	flags := map[string][]string{}
	var rest []string
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "--") {
			rest = append(rest, args[i])
			continue
		}
		name := strings.TrimPrefix(args[i], "--")
		if !slices.Contains(known, name) {
			return nil, nil, fmt.Errorf("error: unknown flag: --%s", name)
		}
		if slices.Contains([]string{"ignore-warnings", "bootc-no-default-kernel-args"}, name) {
			flags[name] = append(flags[name], "")
			continue
		}
		if i++; i == len(args) {
			return nil, nil, fmt.Errorf("error: flag needs an argument: --%s", name)
		}
		flags[name] = append(flags[name], args[i])
	}
	return flags, rest, nil
}

// bib is bootc-image-builder (points 3 to 8).
func (s standIn) bib(c container) (int, error) {
	flags, rest, err := options(c.args, "type", "rootfs", "target-arch", "build-container", "installer-payload-ref", "progress", "output", "store")
	if err != nil {
		fmt.Fprintln(os.Stderr, "2026/11/22 10:00:00", err)
		return 1, nil
	}
	switch {
	case len(rest) != 2 || rest[0] != "build":
		return 0, fmt.Errorf("arguments %q", rest)
	case len(flags["type"]) != 1 || strings.Contains(flags["type"][0], ","):
		return 0, fmt.Errorf("types %q", flags["type"])
	case !slices.Equal(flags["output"], []string{"/output"}) || !slices.Equal(flags["store"], []string{"/store"}):
		return 0, fmt.Errorf("output %q, store %q", flags["output"], flags["store"])
	case !slices.Equal(flags["progress"], []string{"debug"}):
		return 0, fmt.Errorf("progress %q", flags["progress"])
	case !slices.Contains([]string{"amd64", "arm64"}, flags["target-arch"][0]):
		return 0, fmt.Errorf("architecture %q", flags["target-arch"])
	}
	format := Format(flags["type"][0])
	folder, ok := map[Format]string{QCOW2: "qcow2/disk.qcow2", Raw: "image/disk.raw", AMI: "image/disk.raw", VMDK: "vmdk/disk.vmdk", VHD: "vpc/disk.vhd",
		GCE: "gce/image.tar.gz", OVA: "archive/image.ova", AnacondaISO: "bootiso/install.iso", InstallerISO: "bootiso/install.iso", PXE: "xz/pxe.tar.xz"}[format]
	if !ok {
		fmt.Fprintf(os.Stderr, "2026/11/22 10:00:00 error: cannot build manifest: unsupported image type %q\n", format)
		return 1, nil
	}
	if code, err := s.image(c, rest[1], "cannot build manifest: "); code != 0 || err != nil {
		return code, err
	}
	manifest := "manifest-" + string(format) + ".json"
	fmt.Fprintln(os.Stderr, "msg: Generating manifest", manifest)
	if err := s.config(c, format); err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(c.volumes["/output"].from, manifest), []byte("{}\n"), 0o644); err != nil {
		return 0, err
	}
	return s.build(c, folder, format)
}

// ib is image-builder.
func (s standIn) ib(c container) (int, error) {
	flags, rest, err := options(c.args, "bootc-ref", "bootc-installer-payload-ref", "bootc-build-ref", "bootc-default-fs", "arch", "blueprint", "ignore-warnings",
		"bootc-no-default-kernel-args", "progress", "cache", "output-dir", "output-name")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, nil
	}
	if len(rest) != 2 || rest[0] != "build" || len(flags["bootc-ref"]) != 1 || !slices.Equal(flags["cache"], []string{"/store"}) ||
		!slices.Equal(flags["output-dir"], []string{"/output"}) || !slices.Contains([]string{"x86_64", "aarch64"}, flags["arch"][0]) {
		return 0, fmt.Errorf("arguments %q", c.args)
	}
	if (c.volumes["/config.json"].from != "") != slices.Equal(flags["blueprint"], []string{"/config.json"}) {
		return 0, fmt.Errorf("blueprint %q", flags["blueprint"])
	}
	if code, err := s.image(c, flags["bootc-ref"][0], ""); code != 0 || err != nil {
		return code, err
	}
	format := Format(rest[1])
	if err := s.config(c, format); err != nil {
		return 0, err
	}
	return s.build(c, "disk"+format.Ext(), format)
}

// image finds the image in the store (point 5).
func (s standIn) image(c container, ref, prefix string) (int, error) {
	if s.play.Mode == "live" {
		return 0, nil
	}
	images, file := imported(c)
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		fmt.Fprintln(os.Stderr, "error:", prefix+"could not access container storage, did you forget -v /var/lib/containers/storage:/var/lib/containers/storage?")
		return 1, nil
	}
	config, ok := images[ref]
	switch {
	case !ok:
		fmt.Fprintf(os.Stderr, "error: %sfailed to inspect the image: exit status 125, stderr: Error: %s: image not known\n", prefix, ref)
		return 1, nil
	case config.Config.Labels["containers.bootc"] != "1":
		fmt.Fprintf(os.Stderr, "error: %simage %s is not a bootc image\n", prefix, ref)
		return 1, nil
	}
	return 0, nil
}

// config reads the configuration as strictly as the tool (point 4); what a format does not have is a warning.
func (s standIn) config(c container, format Format) error {
	v, ok := c.volumes["/config.json"]
	if !ok {
		return nil
	}
	data, err := os.ReadFile(v.from)
	if err != nil {
		return err
	}
	s.record("config", string(data))
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var conf struct {
		Customizations customizations `json:"customizations"`
	}
	if err := d.Decode(&conf); err != nil {
		return err
	}
	if b := conf.Customizations.Bootloader; b != nil {
		fmt.Fprintf(os.Stderr, "blueprint validation failed for image type %q: customizations.bootloader: not supported", format)
	}
	if conf.Customizations.Filesystem != nil {
		fmt.Fprintf(os.Stderr, "blueprint validation failed for image type %q: customizations.filesystem: not supported", format)
	}
	return nil
}

// build plays the build itself.
func (s standIn) build(c container, file string, format Format) (int, error) {
	transcript, err := os.ReadFile(filepath.Join(s.dir, "debug.log"))
	if err != nil {
		return 0, err
	}
	fmt.Fprintln(os.Stderr, strings.Repeat("a long line ", 10000))
	lines := strings.SplitAfter(string(transcript), "\n")
	if s.play.Mode == "fail" || s.play.Mode == "partial" {
		lines = lines[:transcriptAt]
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	for i, line := range lines {
		fmt.Fprint(os.Stderr, line)
		if i == transcriptAt && (s.play.Mode == "hang" || s.play.Mode == "deaf") {
			s.record("hanging", "")
			for s.play.Mode == "deaf" {
				<-term
			}
			<-term
			return 2, nil
		}
	}
	path := filepath.Join(c.volumes["/output"].from, file)
	if s.play.Mode == "fail" || s.play.Mode == "partial" {
		fmt.Fprint(os.Stderr, "2026/11/22 10:00:00 error: cannot run osbuild: error running osbuild: exit status 1\nBuildLog:\nStarting module org.osbuild.users\n"+
			"useradd: group 'wheel' does not exist\nOutput:\n")
	}
	if s.play.Mode == "fail" {
		return 1, nil
	}
	if s.play.Mode == "missing" {
		return 0, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	magic := formats[format].magic
	if s.play.Mode == "wrong" {
		magic = "nonsense"
	}
	if err := writeSparse(path, magic, 64<<20); err != nil {
		return 0, err
	}
	if s.play.Mode == "partial" {
		return 1, nil
	}
	if s.play.Mode == "two" {
		return 0, writeSparse(filepath.Join(c.volumes["/output"].from, "other"+format.Ext()), magic, 1<<20)
	}
	return 0, nil
}

// writeSparse writes a file with some data at its beginning, in its middle and at its end.
func writeSparse(path, magic string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err1 := f.WriteAt([]byte(magic), 0)
	_, err2 := f.WriteAt([]byte("middle"), size/2)
	_, err3 := f.WriteAt([]byte("end"), size-3)
	return errors.Join(err1, err2, err3, f.Close())
}

// transcriptAt is the line of the transcript that what goes wrong comes after: the first stage of the pipeline image.
const transcriptAt = 50
