// Package bootloom is the front page of a module that makes bootable container (bootc) OS images: typed config in, a
// signed OS image in a registry out, in the calling process, with no podman and no skopeo.
//
// This package holds no code. The packages, in the order in which a program meets them:
//
//   - bootc: the config as a value (Spec), features, Compile, Plan; light, builds everywhere
//   - containerfile: a Containerfile as data: print, parse, positions; light, builds everywhere
//   - bootc/buildah: the engine that builds a Plan in this process; Linux
//   - registry: push, pull, copy, publish; authentication, TLS, retries
//   - sign: keys, signatures that podman and bootc accept, the policy that a device checks them with
//
// A whole program:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//		"os"
//
//		"github.com/bootloom/bootloom/bootc"
//		"github.com/bootloom/bootloom/bootc/buildah"
//		"github.com/bootloom/bootloom/registry"
//		"github.com/bootloom/bootloom/sign"
//	)
//
//	func main() {
//		ctx := context.Background()
//		pem, err := os.ReadFile("acme.key")
//		if err != nil {
//			log.Fatal(err)
//		}
//		key, err := sign.LoadKey(pem, []byte(os.Getenv("ACME_KEY_PASSWORD")))
//		if err != nil {
//			log.Fatal(err)
//		}
//		spec := bootc.From("quay.io/centos-bootc/centos-bootc:stream10").
//			Install("tmux", "firewalld").
//			DropIn("/usr/lib/sysctl.d/50-edge.conf", "net.ipv4.ip_forward = 1\n").
//			Kargs("console=ttyS0").
//			With(sign.DevicePolicy{Rules: []sign.Rule{{Scopes: []string{"quay.io/acme"}, Keys: []string{key.Public()}}}})
//
//		engine, err := buildah.Open(buildah.Options{Root: "/var/lib/acme-builder"})
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer engine.Close()
//		image, err := bootc.Build(ctx, engine, spec, bootc.BuildOptions{OnEvent: bootc.Progress(os.Stderr)})
//		if err != nil {
//			log.Fatal(err)
//		}
//
//		published, err := registry.Client{}.Publish(ctx, image, "quay.io/acme/edge-os",
//			registry.PublishOptions{Tags: []string{"1.4.0"}, Signer: key})
//		if err != nil {
//			log.Fatal(err)
//		}
//		fmt.Println(published.Reference()) // signed, verified as a device does, then tagged
//	}
//
// Build it with the tags that README.md names. examples/edge is this program with flags.
package bootloom
