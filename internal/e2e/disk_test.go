package e2e

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/diskimage/boottest"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

const agentUnit = `[Unit]
Description=Flight Control agent

[Service]
Type=exec
ExecStart=/usr/bin/flightctl-agent
Restart=always

[Install]
WantedBy=multi-user.target
`

// uptime is what the agent asks, and procps has, which the base does not.
const uptime = "#!/bin/sh\nread -r up idle </proc/uptime\ndate -d \"@$(($(date +%s) - ${up%.*}))\" '+%F %T'\n"

// TestDisk takes an image with the agent of Flight Control all the way: built, published signed, made into a disk that starts
// by its own boot loader, published signed, fetched by whoever trusts the key, and booted. The disk is made by the test kit.
func TestDisk(t *testing.T) {
	t.Parallel()
	testkit.NeedVM(t)
	testkit.NeedBootDisk(t)
	key, err := sign.Generate()
	if err != nil {
		t.Fatal(err)
	}
	testkit.Need(t, "the policy engine's build tags: see the Makefile", key.Check() == nil)
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "ci", Password: "s3cret", Dir: t.TempDir()})
	client := registry.Client{CA: r.CA, Anonymous: true, Credentials: map[string]registry.Credential{r.Host: {Username: "ci", Password: "s3cret"}}}
	repository := r.Host + "/acme/edge-os"
	policy := sign.DevicePolicy{Rules: []sign.Rule{{Name: "acme", Scopes: []string{repository}, Keys: []string{key.Public()}}}, RejectByDefault: true}

	agent := testkit.Flightctl(t, testkit.FlightctlV12, "flightctl-agent")
	spec := bootc.From("oci:"+testkit.Base(t, testkit.Debian)).
		File("/etc/flightctl/config.yaml", "enrollment-service: {service: {server: 'https://10.0.2.2:1'}}\n").
		Unit("flightctl-agent.service", agentUnit).
		With(bootc.File{Path: "/usr/bin/uptime", Mode: 0o755, Content: bootc.Text(uptime)}).
		With(bootc.File{Path: "/usr/bin/flightctl-agent", Mode: 0o755, Content: bootc.FromFS(os.DirFS(filepath.Dir(agent)), filepath.Base(agent))})
	engine, err := direct.Open(direct.Options{Root: filepath.Join(t.TempDir(), "direct"), Registry: client})
	if err != nil {
		t.Fatal(err)
	}
	image, err := bootc.Build(t.Context(), engine, spec, bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	published, err := client.Publish(t.Context(), image, repository, registry.PublishOptions{Tags: []string{"1"}, Signer: key})
	if err != nil {
		t.Fatal(err)
	}

	disk := makeDisk(t, client, published)
	if _, err := diskimage.Publish(t.Context(), client, disk, repository, diskimage.PublishOptions{
		PublishOptions: registry.PublishOptions{Tags: []string{"1-raw"}, Signer: key},
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(disk.Path); err != nil {
		t.Fatal(err)
	}
	pulled, err := diskimage.Pull(t.Context(), client, repository+":1-raw", t.TempDir(), diskimage.PullOptions{Policy: policy})
	if err != nil || pulled.Digest != disk.Digest || pulled.Source != published.Reference() {
		t.Fatalf("pulled %+v, error %v", pulled, err)
	}

	vm := boottest.Start(t, boottest.Machine{Disk: pulled.Path})
	vm.WaitUnit("flightctl-agent.service")
	vm.WaitUnit("multi-user.target")
	// It gets as far as it can without its service, and stays there.
	vm.Sh("for i in $(seq 120); do journalctl -b -u flightctl-agent -o cat | grep 'Bootstrapping device' && exit; sleep 1; done; exit 1")
	if state := vm.Sh("systemctl is-active flightctl-agent; systemctl show -P NRestarts flightctl-agent"); state != "active\n0\n" {
		t.Errorf("the agent is %q", state)
	}
	if out := vm.Sh("findmnt -no SOURCE /"); out != "/dev/vda2\n" {
		t.Errorf("the root is on %q", out)
	}
}

// makeDisk makes a disk of what is published.
func makeDisk(t *testing.T, client registry.Client, p registry.Published) diskimage.Disk {
	t.Helper()
	layout, root, file := filepath.Join(t.TempDir(), "layout"), filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "disk.raw")
	image, err := client.Pull(t.Context(), p.Reference(), "oci:"+layout, registry.PullOptions{})
	if err == nil {
		err = testkit.UnpackImage(layout, root)
	}
	if err == nil {
		err = testkit.BootDisk(t.Context(), file, root)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := diskimage.Disk{Path: file, Format: diskimage.Raw, Source: p.Reference(), Platform: image.Platform}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := digest.Canonical.Digester()
	d.Size, err = io.Copy(sum.Hash(), f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	d.Digest = sum.Digest()
	return d
}
