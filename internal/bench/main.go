// Bench measures what this module does beside what other programs do for the same end, with the same inputs, interleaved
// in one run, and prints medians, ratios, CPU time and bytes. `make bench` runs it; -svg writes the picture of the README.
//
//   - rebuild: the image of examples/edge is built by our engine, by Debian's buildah and by Debian's podman: in full, with
//     more and less for its commands to do, without a change, after a change of one file. In place of the package it has a
//     script that changes files of the base: how fast a mirror answers is not what is measured.
//   - publish: twenty files, and twenty files with a binary, on a base in the same registry: built, pushed and signed; by
//     us, by buildah, skopeo and cosign, and, without labels and signature, by crane append. The registry has its files in
//     memory or on a disk; and the machine that builds has the base in its store, or nothing yet.
//   - remote: the same from a base in one registry to another registry, beside a plain copy of the base by skopeo.
//   - files: a thousand to a million files, in processes of their own for their memory.
//   - size: the memory that a large base costs.
//
// Our time is that of the calls in this process; that of the peers is that of their whole commands, each with the base in
// its own store and its caches warm, but for the first build of a machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
)

// config is what the command line says.
type config struct {
	rounds int
	only   []string
	svg    string
}

func main() {
	if child(os.Args) {
		return
	}
	var c config
	flag.IntVar(&c.rounds, "n", 5, "rounds; each does every case once with every contender")
	only := flag.String("only", "", "suites to run, separated by commas: rebuild, publish, remote, files, size (default: all)")
	flag.StringVar(&c.svg, "svg", "", "write a picture to this file")
	flag.Parse()
	if *only != "" {
		c.only = strings.Split(*only, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// suite is a set of cases that share their preparation.
type suite struct {
	name string
	run  func(context.Context, config, string) (*table, error)
}

var suites = []suite{
	{"rebuild", rebuild},
	{"publish", publish},
	{"remote", remote},
	{"files", files},
	{"size", size},
}

func run(ctx context.Context, c config) error {
	for _, name := range c.only {
		if !slices.ContainsFunc(suites, func(s suite) bool { return s.name == name }) {
			return fmt.Errorf("no suite %q", name)
		}
	}
	var done []*table
	for _, s := range suites {
		if len(c.only) > 0 && !slices.Contains(c.only, s.name) {
			continue
		}
		t, err := in(func(dir string) (*table, error) { return s.run(ctx, c, dir) })
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("\n%s: %s; %d rounds, %d CPUs\n", s.name, t.title, c.rounds, runtime.NumCPU())
		t.write(os.Stdout)
		done = append(done, t)
	}
	if c.svg == "" {
		return nil
	}
	return os.WriteFile(c.svg, picture(done), 0o644)
}

// in calls f with a directory on disk that is gone afterwards.
func in[T any](f func(dir string) (T, error)) (out T, err error) {
	dir, err := os.MkdirTemp("/var/tmp", "bootloom-bench-")
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, remove(dir)) }()
	return f(dir)
}
