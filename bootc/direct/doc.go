// Package direct is the engine that runs nothing: it makes an image of a base by writing new layers, a config and a
// manifest. It needs no root, no container, no store and no cgo, and works on Linux, macOS and Windows.
//
// # What it can do
//
// Steps that add files of the plan, install secrets as files or set labels. These are most edge images: a fixed base with
// configuration, units, certificates, an agent's binary. The layers of the base are not even fetched: a registry takes
// them from where they are when the image is published, and from elsewhere they are copied as they are.
//
// A plan with other steps (RUN above all) needs another engine, Options.Run. That one builds the plan up to the last such
// step, and keeps the result in its cache; what follows is added here. So after a change of a file nothing has to run.
// Obstacles says which steps of a plan cannot be done directly, and why.
//
// The image has the same root file system, config and labels as one that bootc/buildah makes of the same plan. The same plan
// on the same base gives the same digest, on any machine and day.
//
// # What is read of the base
//
// Manifest and config. A layer has to say of each directory that it passes through what mode and owner it has, because
// what unpacks the layer does not ask the layers below. Of the directories that every distribution has alike the engine
// knows that; for others, and when a feature asks for facts about the base, it reads the base's layers once, keeps
// what is where (a few megabytes) in Options.Root, and throws the rest away.
//
// # A whole program
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//
//		"github.com/bootloom/bootloom/bootc"
//		"github.com/bootloom/bootloom/bootc/direct"
//		"github.com/bootloom/bootloom/registry"
//	)
//
//	func main() {
//		client := registry.Client{}
//		eng, err := direct.Open(direct.Options{Root: "/var/cache/acme-images", Registry: client})
//		if err != nil {
//			log.Fatal(err)
//		}
//		spec := bootc.From("quay.io/acme/edge-base:1.4.0").
//			DropIn("/usr/lib/sysctl.d/50-edge.conf", "net.ipv4.ip_forward = 1\n").
//			Kargs("console=ttyS0")
//		img, err := bootc.Build(context.Background(), eng, spec, bootc.BuildOptions{})
//		if err != nil {
//			log.Fatal(err)
//		}
//		published, err := client.Publish(context.Background(), img, "quay.io/acme/edge-os", registry.PublishOptions{Tags: []string{"7"}, Signer: key})
//		if err != nil {
//			log.Fatal(err)
//		}
//		fmt.Println(published.Reference(), published.Uploaded, "bytes sent")
//	}
package direct
