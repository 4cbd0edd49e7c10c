// Package containerfile is a Containerfile as data: stages and steps that print, parse and compare.
//
// A File is a plain value. WriteTo prints it so that buildah takes from it the values that the File has, whatever they
// hold; what no Containerfile can express is an error with the path of the value, and never a wrong file. Parse reads
// through the parser that buildah builds with, and keeps comments and positions. For every File that Validate accepts
// and that has no Raw step, Parse of what WriteTo wrote gives the same File.
//
// It does no I/O of its own, needs no cgo, and builds wherever Go does. Functions do not change their arguments, and may
// be called from several goroutines at once.
//
//	package main
//
//	import (
//		"fmt"
//		"log"
//		"os"
//
//		"github.com/bootloom/bootloom/containerfile"
//	)
//
//	func main() {
//		f := containerfile.File{Stages: []containerfile.Stage{{
//			From: "quay.io/centos-bootc/centos-bootc:stream10",
//			Steps: []containerfile.Step{
//				containerfile.Script("set -e\ndnf -y install tmux\ndnf clean all\n"),
//				containerfile.Copy{Sources: []string{"etc/"}, Dest: "/etc/", Chown: "0:0"},
//				containerfile.Label{{Key: "org.opencontainers.image.title", Value: containerfile.Literal("costs $5")}},
//			},
//		}}}
//		if _, err := f.WriteTo(os.Stdout); err != nil {
//			log.Fatal(err) // every mistake: stages[0].steps[1].dest: …
//		}
//
//		in, err := os.Open("Containerfile")
//		if err != nil {
//			log.Fatal(err)
//		}
//		defer in.Close()
//		src, err := containerfile.Parse(in.Name(), in)
//		if err != nil {
//			log.Fatal(err) // every mistake: Containerfile:12: …
//		}
//		for at, step := range src.File.All() {
//			if run, ok := step.(containerfile.Run); ok {
//				fmt.Println(src.At(at).Line, run.Line())
//			}
//		}
//	}
package containerfile
