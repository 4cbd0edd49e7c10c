package diskimage_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// A disk goes to a registry beside the OS image that it was made from, and comes back. A real program has a Signer for
// Publish, and a sign.DevicePolicy for Pull.
func ExamplePublish() {
	local, err := testkit.StartOlareg(testkit.RegistryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer local.Close()
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx, repository := context.Background(), local.Host+"/acme/edge-os"
	client := registry.Client{InsecureSkipTLSVerify: true, Anonymous: true} // plain HTTP on this machine

	file := filepath.Join(dir, "disk.qcow2")
	if err := os.WriteFile(file, []byte("QFI\xfb and so on"), 0o600); err != nil {
		log.Fatal(err)
	}
	disk := diskimage.Disk{Path: file, Format: diskimage.QCOW2, Platform: "linux/amd64"} // what a build returns

	client.OnEvent = func(e bootc.Event) {
		if e.Kind == bootc.EventDone && e.Op != "read" && e.Total == 0 {
			fmt.Println(e.Op)
		}
	}
	o := diskimage.PublishOptions{PublishOptions: registry.PublishOptions{Tags: []string{"1.4.0-qcow2"}, Unsigned: true}}
	if _, err := diskimage.Publish(ctx, client, disk, repository, o); err != nil {
		log.Fatal(err)
	}

	client.OnEvent = nil
	pulled, err := diskimage.Pull(ctx, client, repository+":1.4.0-qcow2", filepath.Join(dir, "pulled"), diskimage.PullOptions{Unverified: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pulled.ArtifactType(), filepath.Base(pulled.Path), pulled.Size, pulled.Platform)
	// Output:
	// push
	// tag
	// application/vnd.diskimage.qcow2 disk.qcow2 14 linux/amd64
}

// KubeVirt boots machines from images with a disk in them.
func ExamplePublish_containerDisk() {
	local, err := testkit.StartOlareg(testkit.RegistryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer local.Close()
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "disk.qcow2")
	if err := os.WriteFile(file, []byte("QFI\xfb and so on"), 0o600); err != nil {
		log.Fatal(err)
	}

	ctx, client := context.Background(), registry.Client{InsecureSkipTLSVerify: true, Anonymous: true}
	disk := diskimage.Disk{Path: file, Format: diskimage.QCOW2, Platform: "linux/amd64"}
	machine, err := diskimage.Publish(ctx, client, disk, local.Host+"/acme/edge-os/machine", diskimage.PublishOptions{
		PublishOptions: registry.PublishOptions{Tags: []string{"1.4.0"}, Unsigned: true},
		Shape:          diskimage.ContainerDisk,
	})
	if err != nil {
		log.Fatal(err)
	}
	info, err := client.Inspect(ctx, machine.Reference(), "linux/amd64")
	fmt.Println(info.Platform, info.Layers[0].MediaType, info.Layers[0].Size, err)
	// Output: linux/amd64 application/vnd.oci.image.layer.v1.tar 2560 <nil>
}
