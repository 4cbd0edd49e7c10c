// Host is a program that embeds the engine: it has a server, and a main that must run once per start. It prints a line
// for each start of main, and the digest of what it built on the base os.Args[2] in os.Args[1].
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/containerfile"
)

func main() {
	fmt.Println("main")
	// A second main would fail here, as it did to those who embedded buildah without care.
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[3])
	if err != nil {
		fail(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here") }))

	e, err := buildah.Open(buildah.Options{Root: os.Args[1], RunRoot: os.Args[1] + "/run", SkipLint: true})
	if err != nil {
		fail(err)
	}
	defer e.Close()
	spec := bootc.From(os.Args[2]).At(time.Unix(1700000000, 0)).With(bootc.File{Path: "/usr/lib/acme.conf", Content: bootc.Text("a = 1\n")}, script{})
	img, err := bootc.Build(context.Background(), e, spec, bootc.BuildOptions{})
	if err != nil {
		fail(err)
	}
	fmt.Println(img.Digest)
}

// script is a feature of the program's own.
type script struct{}

func (script) Contribute(d *bootc.Draft) error {
	d.Add(bootc.PhaseFinish, containerfile.Run{Command: containerfile.Command{Shell: "sleep 1; id > /usr/lib/id"}})
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
