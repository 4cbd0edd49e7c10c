// Device builds the OS image of a device that Red Hat Edge Manager (upstream: Flight Control) manages, and publishes it
// signed.
//
// With early binding each device that boots the image asks its service to be enrolled:
//
//	flightctl certificate request --signer=enrollment --expiration=365d --output=embedded >config.yaml
//	device -config config.yaml -push quay.io/acme/device-os -key cosign.key
//
// With late binding the image has no credentials; whoever starts a device gives it the user-data that the program writes:
//
//	device -config config.yaml -late user-data -push quay.io/acme/device-os -key cosign.key
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
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

type options struct {
	base, tool, push, key, authfile, ca, root, tags string
	config, late, install                           string
	site                                            site
}

func main() {
	var o options
	flag.StringVar(&o.config, "config", "config.yaml", "configuration of the agent, as flightctl certificate request writes it")
	flag.StringVar(&o.late, "late", "", "leave the configuration out of the image, and write it to this file as user-data of cloud-init")
	flag.StringVar(&o.push, "push", "", "repository to publish to")
	flag.StringVar(&o.key, "key", "", "private key to sign with, PEM; $DEVICE_KEY_PASSWORD opens it")
	flag.StringVar(&o.base, "base", "quay.io/centos-bootc/centos-bootc:stream10", "bootable base: a registry reference, oci:DIR or oci-archive:FILE")
	flag.StringVar(&o.tool, "tool", "", "package tool of the base, if it is not what its os-release says")
	flag.StringVar(&o.authfile, "authfile", "", "auth.json for base and push (default: your podman or docker logins)")
	flag.StringVar(&o.ca, "ca", "", "PEM file with certificate authorities of the registries")
	flag.StringVar(&o.root, "root", "", "where the engine keeps its store (default: your cache directory)")
	flag.StringVar(&o.tags, "tags", "2.1.0,latest", "tags to publish under")
	flag.StringVar((*string)(&o.site.agent), "agent", "", "version of the agent (default: the newest)")
	flag.StringVar(&o.site.agentRepo, "agent-repo", "", "address of an RPM repository that has the agent, unsigned (default: upstream's)")
	flag.StringVar(&o.site.apps, "apps", "", "registry that the applications were signed for (default: "+appRegistry+")")
	flag.StringVar(&o.site.mirror, "mirror", "", "registry that devices pull the applications from (default: "+appRegistry+")")
	flag.StringVar(&o.site.headers, "headers", "", "image that has the kernel's headers and a compiler (default: kernel-devel of the base's repositories)")
	flag.StringVar(&o.install, "install", "", "further packages, separated by commas")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "device:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.push == "" || o.key == "" {
		return errors.New("-push and -key are needed: the repository to publish to, and the key to sign with")
	}
	pem, err := os.ReadFile(o.key)
	if err != nil {
		return err
	}
	key, err := sign.LoadKey(pem, []byte(os.Getenv("DEVICE_KEY_PASSWORD")))
	if err != nil {
		return err
	}
	show := bootc.Progress(os.Stdout)
	client := registry.Client{AuthFile: o.authfile, OnEvent: show}
	if o.ca != "" {
		ca, err := os.ReadFile(o.ca)
		if err != nil {
			return err
		}
		client.CA, o.site.ca = ca, string(ca)
	}
	build := bootc.BuildOptions{OnEvent: show}

	// How a device finds its service: the configuration is a secret of the build, or goes to the device by itself.
	check := flightctl.Check{Agent: o.site.agent, Now: time.Now(), ValidFor: 24 * time.Hour}
	config, err := agentConfig(o.config, check)
	if err != nil {
		return fmt.Errorf("%s: %w", o.config, err)
	}
	binding := flightctl.Early()
	if o.late == "" {
		secret, err := flightctl.Secret(config, check)
		if err != nil {
			return err
		}
		build.Secrets = map[string]bootc.SecretValue{flightctl.DefaultSecret: secret}
	} else {
		payload, err := flightctl.NewPayload(config, check)
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.late, payload.CloudConfig(), 0o600); err != nil {
			return err
		}
		binding = flightctl.Late(flightctl.CloudInit)
	}

	images, err := pinApps(ctx, client, o.site)
	if err != nil {
		return err
	}
	trust := devicePolicy(o.push, key.Public(), o.site)
	spec := deviceOS(o.base, binding, trust, images, o.site)
	if o.install != "" {
		spec = spec.Install(strings.Split(o.install, ",")...)
	}

	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	engine, err := buildah.Open(buildah.Options{Root: cmp.Or(o.root, filepath.Join(cache, "bootloom", "device")), Registry: client})
	if err != nil {
		return err
	}
	defer engine.Close()
	base, err := engine.Inspect(ctx, spec.Base, build)
	if err != nil {
		return err
	}
	base.Tool = cmp.Or(bootc.PackageTool(o.tool), base.Tool)
	plan, err := spec.Compile(base)
	if err != nil {
		return err
	}
	image, err := engine.Build(ctx, plan, build)
	if err != nil {
		return err
	}
	published, err := client.Publish(ctx, image, o.push, registry.PublishOptions{Tags: strings.Split(o.tags, ","), Signer: key})
	if err != nil {
		return err
	}
	if err := trust.Verify(ctx, client, published.Reference()); err != nil {
		return err
	}
	fmt.Printf("\nimage     %s\ntags      %s\n", published.Reference(), strings.Join(published.Tags, " "))
	return nil
}
