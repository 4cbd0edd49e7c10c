package diskimage_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

const opsKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF2+oaIz3uU8aMDLzTHCHhJhXPZm3bPz5aYTxJ9sVsEu ops@acme"

const edge = "quay.io/acme/edge-os:1.4.0@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"

// published is an image in a registry of this process; done ends that.
func published() (client registry.Client, p registry.Published, done func() error) {
	reg, err := testkit.StartOlareg(testkit.RegistryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Config: v1.ImageConfig{Labels: map[string]string{"containers.bootc": "1"}}}
	if _, err := testkit.WriteLayout(dir, config); err != nil {
		log.Fatal(err)
	}
	client = registry.Client{InsecureSkipTLSVerify: true, Anonymous: true}
	p, err = client.Push(context.Background(), bootc.Image{Location: "oci:" + dir}, reg.Host+"/acme/edge-os")
	if err != nil {
		log.Fatal(err)
	}
	p.Tags = []string{"1.4.0"}
	return client, p, reg.Close
}

// demo is a Runner that shows what would run, and makes a disk of nothing. Runners of your own look like this.
type demo struct{}

func (demo) Preflight(context.Context, diskimage.Job) (bootc.Preflight, error) { return nil, nil }

func (demo) Run(_ context.Context, j diskimage.Job) error {
	at := diskimage.Paths{Config: "/config.json", Images: "/images", Output: "/output", Store: "/store"}
	for _, s := range j.Steps(at) {
		line := strings.Join(append([]string{s.Program}, s.Args...), " ")
		fmt.Println(strings.ReplaceAll(line, registryOf(j), "REGISTRY"))
	}
	return os.WriteFile(filepath.Join(j.Dir, "output", "disk.qcow2"), []byte("QFI\xfb"), 0o644)
}

func registryOf(j diskimage.Job) string {
	host, _, _ := strings.Cut(j.Images[0], "/")
	return host
}

func Example() {
	client, image, done := published()
	defer done()
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	spec := diskimage.From(image).As(diskimage.QCOW2).Root("xfs").Kargs("console=ttyS0")
	disk, err := spec.Build(context.Background(), demo{}, diskimage.BuildOptions{ // diskimage.Podman{} in real life
		Output:   filepath.Join(dir, "edge.qcow2"),
		Registry: client,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(disk.Format, disk.Size, disk.Source == image.Reference(), disk.Digest[:14])
	// Output:
	// bootc-image-builder version
	// skopeo --insecure-policy copy --quiet oci:/images:0 containers-storage:REGISTRY/acme/edge-os:1.4.0
	// bootc-image-builder build --type qcow2 --target-arch amd64 --rootfs xfs --progress debug --store /store --output /output REGISTRY/acme/edge-os:1.4.0
	// qcow2 4 true sha256:aea9800
}

// Every mistake is found at once, with the path of its field, before anything runs.
func ExampleSpec_Check() {
	spec := diskimage.FromRef(edge).As(diskimage.AnacondaISO).
		Root("zfs").
		File("/usr/lib/motd", "hello").
		User(diskimage.User{Name: "ops", SSHKeys: []string{"not a key"}})
	for _, e := range bootc.FieldErrors(spec.Check()) {
		fmt.Println(e.Path)
	}
	// Output:
	// RootFS
	// Files
	// Users[0].SSHKeys[0]
	// Files[0].Path
}

// A Spec can be the stem of many.
func ExampleSpec() {
	stem := diskimage.FromRef(edge).Root("xfs").User(diskimage.User{Name: "ops", SSHKeys: []string{opsKey}})
	lab := stem.As(diskimage.QCOW2).Kargs("console=ttyS0")
	site := stem.As(diskimage.VMDK).Following("quay.io/acme/edge-os:stable")
	fmt.Println(stem.Format, lab.Format, lab.KernelArgs, site.Format, site.KernelArgs, site.Follow)
	// Output: qcow2 [console=ttyS0] vmdk [] quay.io/acme/edge-os:stable
}

// The configuration that the tool gets. Values of secrets are not in it.
func ExampleSpec_Blueprint() {
	spec := diskimage.FromRef(edge).As(diskimage.Raw).
		Filesystem("/var/lib/containers", 20*diskimage.GiB).
		User(diskimage.User{Name: "ops", PasswordSecret: "ops-password", Groups: []string{"wheel"}}).
		File("/etc/acme/site.conf", "site = north\n")
	b, err := spec.Blueprint()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.ReplaceAll(string(b), `,"f`, ",\n\"f"))
	// Output:
	// {"customizations":{"user":[{"name":"ops","password":"[secret ops-password]","groups":["wheel"]}],
	// "filesystem":[{"mountpoint":"/var/lib/containers","minsize":21474836480}],
	// "files":[{"path":"/etc/acme/site.conf","data":"site = north\n"}]}}
}

// A partition table of one's own: what is needed to boot is added.
func ExampleSpec_Partition() {
	spec := diskimage.FromRef(edge).As(diskimage.Raw).Partition(
		diskimage.Partition{Mountpoint: "/boot", FS: "ext4", MinSize: diskimage.GiB},
		diskimage.Partition{VolumeGroup: "system", MinSize: 60 * diskimage.GiB, Volumes: []diskimage.LogicalVolume{
			{Name: "root", Mountpoint: "/", FS: "xfs", MinSize: 20 * diskimage.GiB},
			{Name: "data", Mountpoint: "/var/lib/containers", FS: "xfs", MinSize: 30 * diskimage.GiB},
			{Name: "swap", FS: "swap", MinSize: 4 * diskimage.GiB},
		}},
	)
	fmt.Println(spec.Check())

	spec.Layout.Partitions[1].Volumes[0].FS = "btrfs"
	fmt.Println(spec.Check())
	// Output:
	// <nil>
	// Layout.Partitions[1].Volumes[0].FS: "btrfs" cannot be the file system of /: want ext4, xfs, vfat; btrfs has Subvolumes
}

// An unattended installer that is a bootc image itself.
func ExampleSpec_Kickstart() {
	spec := diskimage.FromRef(edge).As(diskimage.InstallerISO).Root("xfs").
		Kickstart("text --non-interactive\nzerombr\nclearpart --all\nautopart\nreboot --eject\n")
	spec.Installer.Image.Ref = "quay.io/acme/installer:10"
	fmt.Println(spec.Check())

	fmt.Println(spec.User(diskimage.User{Name: "ops", SSHKeys: []string{opsKey}}).Check())
	// Output:
	// <nil>
	// Users: cannot be beside a kickstart of your own: say it there
}

// Passwords are hashes, and come in by name.
func ExampleUser() {
	spec := diskimage.FromRef(edge).As(diskimage.Raw).User(diskimage.User{Name: "ops", PasswordSecret: "ops"})
	_, err := spec.Build(context.Background(), demo{}, diskimage.BuildOptions{
		Output:  "edge.raw",
		Secrets: map[string]bootc.SecretValue{"ops": bootc.SecretBytes([]byte("letmein"))},
	})
	fmt.Println(err)
	// Output: Users[0].PasswordSecret: the secret is plain text: want what `openssl passwd -6` prints
}

// A local image has no reference that a machine could update from: Following says what it will be.
func ExampleFromImage() {
	img := bootc.Image{Location: "oci:/srv/images:edge"}
	fmt.Println(diskimage.FromImage(img).As(diskimage.QCOW2).Check())
	fmt.Println(diskimage.FromImage(img).As(diskimage.QCOW2).Following("quay.io/acme/edge-os:try").Check())
	// Output:
	// Follow: is empty: a local image has no reference that an installed machine could update from; name the one it will be published under
	// <nil>
}

func ExamplePodman() {
	asUser := diskimage.Podman{Command: []string{"/no/sudo", "podman"}}
	report, err := asUser.Preflight(context.Background(), diskimage.Job{Platform: "linux/amd64"})
	fmt.Println(report, err)
	// Output: [/no/sudo is not installed: it runs the tool's container; install podman, or use another Runner] <nil>
}

func ExampleNode() {
	node := diskimage.Node{URI: "tcp://builder.acme.example:8080"}
	_, err := node.Preflight(context.Background(), diskimage.Job{Platform: "linux/amd64"})
	fmt.Println(err)
	// Output: Node.URI: "tcp://builder.acme.example:8080" is no address of podman: want unix:///run/podman/podman.sock or ssh://user@host/run/podman/podman.sock
}

func ExampleChroot() {
	chroot := diskimage.Chroot{Registry: registry.Client{AuthFile: "auth.json"}}
	_, err := chroot.Preflight(context.Background(), diskimage.Job{Tool: diskimage.Tool{Name: diskimage.ImageBuilder}, Platform: "linux/amd64"})
	fmt.Println(err)
	// Output: BuildOptions.Tool.Image: is empty: name the container image that has image-builder
}

func ExampleHost() {
	host := diskimage.Host{Program: "/no/bootc-image-builder"}
	report, err := host.Preflight(context.Background(), diskimage.Job{Platform: "linux/amd64"})
	for _, p := range report {
		if strings.HasPrefix(p.What, "exec:") {
			fmt.Println(p.Fix)
		}
	}
	fmt.Println(err)
	// Output:
	// install it, set Host.Program, or use Podman, which has it in a container
	// <nil>
}

// What osbuild says of its progress, as events.
func ExampleReadProgress() {
	monitor := "\x1e" + `{"message": "Starting pipeline image", "context": {"origin": "osbuild.monitor", "id": "1"}, "progress": {"total": 4, "done": 2}}` + "\n" +
		"\x1e" + `{"message": "Starting module org.osbuild.sfdisk", "context": {"origin": "osbuild.monitor", "id": "2"}, "progress": {"total": 4, "done": 2, "progress": {"total": 10, "done": 1}}}` + "\n"
	err := diskimage.ReadProgress(strings.NewReader(monitor), "edge", bootc.Progress(os.Stdout))
	fmt.Println(err)
	// Output:
	// [3/4] pipeline image
	// [2/10] image: org.osbuild.sfdisk
	// <nil>
}

// A failure is data.
func ExampleToolError() {
	var err error = &diskimage.ToolError{Program: "bootc-image-builder", ExitCode: 1, Pipeline: "image", Stage: "org.osbuild.users",
		Message: "cannot run osbuild: exit status 1", Tail: []string{"useradd: group 'wheel' does not exist"},
		Hint: "a group of a user is not in the image: add it to Groups"}
	if e, ok := errors.AsType[*diskimage.ToolError](err); ok {
		fmt.Println(e.Stage, "-", e.Hint)
	}
	fmt.Println(err)
	// Output:
	// org.osbuild.users - a group of a user is not in the image: add it to Groups
	// bootc-image-builder at image, stage org.osbuild.users: exit status 1: cannot run osbuild: exit status 1 (a group of a user is not in the image: add it to Groups)
	// 	useradd: group 'wheel' does not exist
}

func ExampleParseSize() {
	for _, text := range []string{"20 GiB", "1.5GB", "4096", "20 gigs"} {
		size, err := diskimage.ParseSize(text)
		fmt.Println(size, err)
	}
	// Output:
	// 20 GiB <nil>
	// 1500000000 B <nil>
	// 4 KiB <nil>
	// 0 B "20 gigs" is not a size: want a number with kB, MB, GB, TB, KiB, MiB, GiB, TiB or nothing, such as "20 GiB"
}
