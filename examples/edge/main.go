// Edge builds an edge image from a bootable base, publishes it signed and checks that a device will take it.
//
//	edge -base oci:DIR                                   everything on this machine, in a registry of its own
//	edge -base quay.io/centos-bootc/centos-bootc:stream10 -push quay.io/acme/edge-os -key cosign.key
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
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/examples/edge/edgeos"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

type config struct {
	base, push, key, authfile, ca, root, tags string
}

func main() {
	var c config
	flag.StringVar(&c.base, "base", "", "bootable base: a registry reference, oci:DIR or oci-archive:FILE")
	flag.StringVar(&c.push, "push", "", "repository to publish to (default: a registry inside this program)")
	flag.StringVar(&c.key, "key", "", "private key to sign with, PEM; $EDGE_KEY_PASSWORD opens it (default: a new one)")
	flag.StringVar(&c.authfile, "authfile", "", "auth.json for base and push (default: your podman or docker logins)")
	flag.StringVar(&c.ca, "ca", "", "PEM file with further certificate authorities for the registries")
	flag.StringVar(&c.root, "root", "", "where the engine keeps its store (default: your cache directory)")
	flag.StringVar(&c.tags, "tags", "1.4.0,latest", "tags to publish under")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "edge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config) error {
	if c.base == "" {
		return errors.New("-base is empty: name a bootable image, such as quay.io/centos-bootc/centos-bootc:stream10")
	}
	show := bootc.Progress(os.Stdout)
	client := registry.Client{AuthFile: c.authfile, OnEvent: show}
	if c.ca != "" {
		pem, err := os.ReadFile(c.ca)
		if err != nil {
			return err
		}
		client.CA = pem
	}
	if c.push == "" {
		local, err := startRegistry()
		if err != nil {
			return err
		}
		defer local.Close()
		client.InsecureSkipTLSVerify = true // plain HTTP on the loopback interface
		c.push = local.Host + "/acme/edge-os"
		if strings.HasPrefix(c.base, "oci") { // as if the base had come from a registry: its layers are shared there
			from := bootc.Image{Location: c.base}
			seeded, err := client.Publish(ctx, from, local.Host+"/base/bootable", registry.PublishOptions{Tags: []string{"latest"}, Unsigned: true})
			if err != nil {
				return err
			}
			c.base = seeded.Repository + ":latest"
		}
	}
	key, err := signingKey(c.key)
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}

	// From here on it is the whole job: a spec, an engine, a publish.
	trust := sign.DevicePolicy{Rules: []sign.Rule{{Name: "acme-os", Scopes: []string{c.push}, Keys: []string{key.Public()}}}, RejectByDefault: true}
	spec := edgeos.Spec(c.base).With(trust)

	engine, err := buildah.Open(buildah.Options{Root: cmp.Or(c.root, filepath.Join(cache, "bootloom", "edge")), Registry: client})
	if err != nil {
		return err
	}
	defer engine.Close()

	clock := time.Now()
	options := bootc.BuildOptions{OnEvent: show}
	base, err := engine.Inspect(ctx, spec.Base, options)
	if err != nil {
		return err
	}
	plan, err := spec.Compile(base)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n", plan.Containerfile)

	image, err := engine.Build(ctx, plan, options)
	if err != nil {
		return err
	}
	built := time.Since(clock)

	published, err := client.Publish(ctx, image, c.push, registry.PublishOptions{Tags: strings.Split(c.tags, ","), Signer: key})
	if err != nil {
		return err
	}
	if err := trust.Verify(ctx, client, published.Reference()); err != nil {
		return err
	}

	fmt.Printf("\nimage     %s\n", published.Reference())
	fmt.Printf("tags      %s\n", strings.Join(published.Tags, " "))
	fmt.Printf("base      %s@%s\n", image.Base, image.BaseDigest)
	for _, l := range image.Layers {
		whose := "ours"
		if l.FromBase {
			whose = "of the base"
		}
		fmt.Printf("layer     %s %11d bytes, %s\n", l.Digest, l.Size, whose)
	}
	fmt.Printf("update    %d bytes for a device that has the base; %d bytes uploaded\n", image.AddedBytes(), published.Uploaded)
	fmt.Printf("time      %.1fs build, %.1fs publish, sign and verify\n", built.Seconds(), (time.Since(clock) - built).Seconds())
	return nil
}
