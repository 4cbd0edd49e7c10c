// Release takes one OS image from a spec to devices and machines: it builds the image, publishes it, has a disk made of what
// is published, and publishes the disk. Each of the two is pushed by digest, signed, verified, and tagged last. It can be
// killed at any time and run again.
//
//	release -base quay.io/centos-bootc/centos-bootc:stream10 -push quay.io/acme/edge-os -tag 1.4.0 -key cosign.key
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

const host = "linux/" + runtime.GOARCH

type config struct {
	base, push, tag, key, runner, format, authfile, ca, dir string
}

func main() {
	var c config
	flag.StringVar(&c.base, "base", "", "bootable base: a registry reference, oci:DIR or oci-archive:FILE")
	flag.StringVar(&c.push, "push", "", "repository to publish to")
	flag.StringVar(&c.tag, "tag", "", "tag of the release, which it alone has")
	flag.StringVar(&c.key, "key", "", "private key to sign with, PEM; $RELEASE_KEY_PASSWORD opens it")
	flag.StringVar(&c.runner, "runner", "podman", "what runs the image builder: podman, or host for one that is installed here")
	flag.StringVar(&c.format, "format", "qcow2", "format of the disk")
	flag.StringVar(&c.authfile, "authfile", "", "auth.json for base and push (default: your podman or docker logins)")
	flag.StringVar(&c.ca, "ca", "", "PEM file with further certificate authorities for the registries")
	flag.StringVar(&c.dir, "dir", "", "where work is kept between runs (default: your cache directory)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := c.release(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func (c config) release(ctx context.Context) error {
	for _, f := range []struct{ name, value string }{{"base", c.base}, {"push", c.push}, {"tag", c.tag}, {"key", c.key}} {
		if f.value == "" {
			return fmt.Errorf("-%s is empty", f.name)
		}
	}
	pem, err := os.ReadFile(c.key)
	if err != nil {
		return err
	}
	key, err := sign.LoadKey(pem, []byte(os.Getenv("RELEASE_KEY_PASSWORD")))
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil && c.dir == "" {
		return errors.Join(err, errors.New("set -dir"))
	}
	dir := cmp.Or(c.dir, filepath.Join(cache, "bootloom", "release"))
	client := registry.Client{AuthFile: c.authfile}
	if c.ca != "" {
		if client.CA, err = os.ReadFile(c.ca); err != nil {
			return err
		}
	}
	engine, err := direct.Open(direct.Options{Root: filepath.Join(dir, "engine"), Registry: client})
	if err != nil {
		return err
	}
	runner, ok := map[string]diskimage.Runner{"podman": diskimage.Podman{}, "host": diskimage.Host{}}[c.runner]
	if !ok {
		return fmt.Errorf("-runner %q: want podman or host", c.runner)
	}
	recipe, err := builder(diskimage.Spec{Format: diskimage.Format(c.format)}.Root("xfs"), runner, diskimage.BuildOptions{Registry: client})
	if err != nil {
		return err
	}
	r := Release{
		Client: client, Engine: engine, Signer: key,
		Spec:       spec(c.base, c.tag, devicePolicy(c.push, key.Public())),
		Build:      bootc.BuildOptions{OnEvent: bootc.Progress(os.Stdout)},
		Repository: c.push, Tag: c.tag, Disk: recipe, Dir: filepath.Join(dir, "disks"),
	}
	result, err := r.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\nimage %s\ndisk  %s\n", result.Image.Reference(), result.Disk.Reference())
	return nil
}

// spec is the OS image: what the fleet has on top of the base, and whom its devices trust.
func spec(base, version string, trust sign.DevicePolicy) bootc.Spec {
	return bootc.From(base).
		With(bootc.Release{Title: "Acme edge OS", Version: version}, trust).
		DropIn("/usr/lib/sysctl.d/50-edge.conf", "net.ipv4.ip_forward = 1\n").
		Kargs("console=ttyS0")
}

// devicePolicy has devices take what is signed with our key, and nothing else.
func devicePolicy(repository, key string) sign.DevicePolicy {
	return sign.DevicePolicy{
		Rules:           []sign.Rule{{Name: "acme-os", Scopes: []string{repository}, Keys: []string{key}}},
		RejectByDefault: true,
	}
}
