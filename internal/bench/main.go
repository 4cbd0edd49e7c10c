// Bench builds one image with our engine, with Debian's buildah and with Debian's podman, from the same plan and the
// same base, interleaved in one run, and prints the medians. `make bench` runs it.
//
// The plan is that of examples/edge, but in place of the package it has a script that changes files of the base: how
// fast a mirror answers is not what is measured. Every contender starts with the base in its own store. Our time is that of bootc.Build in this process
// (inspect, compile, build in the worker, export of compressed layers); the peers' is that of their whole command,
// which ends with the image in their store, its layers uncompressed.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/internal/testkit"
)

const baseName = "localhost/bench-base:latest"

func main() {
	rounds := flag.Int("n", 5, "rounds; each builds every case once with every contender")
	agent := flag.Int("agent", 0, "MB of a binary to put into the image, which does not compress")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *agent<<20); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, agent int) error {
	layout, err := testkit.Make(ctx, testkit.Debian)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("/var/tmp", "bootloom-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	engine, err := buildah.Open(buildah.Options{Root: filepath.Join(dir, "bootloom")})
	if err != nil {
		return err
	}
	defer engine.Close()
	if _, err := engine.Inspect(ctx, "oci:"+layout, bootc.BuildOptions{}); err != nil { // as the peers pull it
		return err
	}
	peers, err := newPeers(ctx, dir, layout)
	if err != nil {
		return err
	}

	binary := make([]byte, agent)
	rand.NewChaCha8([32]byte{}).Read(binary)

	cases := []struct {
		name     string
		revision func(round int) int
		cached   bool
		single   bool // the peers make one layer and keep nothing, which ours does not offer: its full build stands beside
	}{
		{"full build", func(int) int { return 0 }, false, false},
		{"no change", func(int) int { return 0 }, true, false},
		{"one file changed", func(round int) int { return round + 1 }, true, false},
		{"full build, peers --layers=false", func(int) int { return 0 }, false, true},
	}
	t := table{contenders: []string{"bootloom", "buildah", "podman"}}
	for round := range rounds + 1 { // the first round fills the caches and is not counted
		for _, c := range cases {
			s := spec("oci:"+layout, c.revision(round), binary)
			contextDir := filepath.Join(dir, "context")
			if err := writeContext(ctx, engine, s, contextDir); err != nil {
				return err
			}
			var contenders []contender
			ours := contender{"bootloom", func() error {
				_, err := bootc.Build(ctx, engine, s, bootc.BuildOptions{NoCache: !c.cached, Pull: bootc.PullNever})
				return err
			}}
			if !c.single {
				contenders = append(contenders, ours)
			}
			for _, p := range peers {
				if c.single {
					p = p.single()
				}
				contenders = append(contenders, contender{p.name, func() error { return p.build(ctx, contextDir, c.cached) }})
			}
			for i := range contenders { // rotate, so that nobody is always first
				who := contenders[(i+round)%len(contenders)]
				took, err := measure(who.build)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, who.name, err)
				}
				if round > 0 {
					t.add(c.name, who.name, took)
				}
			}
		}
	}
	t.samples[[2]string{"full build, peers --layers=false", "bootloom"}] = t.samples[[2]string{"full build", "bootloom"}]
	fmt.Printf("%d rounds, %d CPUs, medians; binary of %d MB\n", rounds, runtime.NumCPU(), agent>>20)
	t.write(os.Stdout)
	return nil
}

type contender struct {
	name  string
	build func() error
}

// measure returns wall time and CPU time of f, that of its child processes included.
func measure(f func() error) (sample, error) {
	before, start := cpu(), time.Now()
	err := f()
	return sample{time.Since(start), cpu() - before}, err
}

func cpu() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}
