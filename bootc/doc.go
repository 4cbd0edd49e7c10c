// Package bootc describes a bootable container image as a value, and compiles it to a plan that an engine builds.
//
// A [Spec] is plain data: a base image and features. It is written as a literal, as JSON or as a chain of methods
// that each return a changed copy; the three are the same value, with the same [Spec.ID]. [Spec.Compile] is pure: it
// takes facts about the base ([Base]), finds every mistake at once ([FieldErrors]) and returns a [Plan], which is the
// Containerfile, the files it adds and the names of the secrets it mounts. An [Engine] turns a Plan into an [Image].
// Everything but the engine is a value: nothing to close, and safe to share once it is made.
//
// The same Spec and facts give the same Plan, byte for byte. Phases place what features contribute, not the order of
// calls: what changes rarely comes first, so that a changed config costs a device one small layer.
//
// Values of secrets are in no Spec, Plan, identity, event or error. They are in [BuildOptions], and reach a step as a
// mount.
//
// # A whole program
//
//	package main
//
//	import (
//		"context"
//		"log"
//		"os"
//
//		"github.com/bootloom/bootloom/bootc"
//		"github.com/bootloom/bootloom/bootc/buildah"
//	)
//
//	func main() {
//		edge := bootc.From("quay.io/centos-bootc/centos-bootc:stream10").
//			Install("tmux", "firewalld").
//			DropIn("/usr/lib/sysctl.d/50-edge.conf", "net.ipv4.ip_forward = 1\n").
//			Kargs("console=ttyS0").
//			With(bootc.Release{Title: "Acme edge OS", Version: "1.4.0"})
//
//		engine, err := buildah.Open(buildah.Options{Root: "/var/lib/acme-build"})
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer engine.Close()
//
//		image, err := bootc.Build(context.Background(), engine, edge, bootc.BuildOptions{
//			Output:  "oci:/srv/images:edge-1.4.0",
//			OnEvent: bootc.Progress(os.Stdout),
//		})
//		if err != nil {
//			log.Fatal(err) // each mistake of the Spec on a line, with the field that has it
//		}
//		log.Println(image.Digest, image.AddedBytes(), "bytes on top of", image.Base)
//	}
//
// # Features of one's own
//
// A [Feature] is any type with a Contribute method; those of this package have no other way in. It puts files, adds
// steps and stages, sets labels, and asks the [Draft] for facts about the base. A fact that nobody knows is an error
// with [ErrUnknownFact] that says which one and how to state it. A [Codec] carries such features in JSON.
package bootc
