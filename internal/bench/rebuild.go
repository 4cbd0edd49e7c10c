package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/internal/testkit"
)

const baseName = "localhost/bench-base:latest"

// rebuild builds an image with RUN steps again and again.
func rebuild(ctx context.Context, c config, dir string) (*table, error) {
	layout, err := testkit.Make(ctx, testkit.Debian)
	if err != nil {
		return nil, err
	}
	engine, err := buildah.Open(buildah.Options{Root: filepath.Join(dir, "bootloom")})
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	peers, err := newPeers(ctx, dir, layout)
	if err != nil {
		return nil, err
	}
	binary := noise(c.agent)
	cases := []struct {
		name     string
		revision func(round int) int
		cached   bool
		single   bool // the peers make one layer and keep nothing, which ours does not offer: its full build stands beside
		idle     bool // nothing to run
	}{
		{"full build", func(int) int { return 0 }, false, false, false},
		{"full build, a RUN that does nothing", func(int) int { return 0 }, false, false, true},
		{"no change", func(int) int { return 0 }, true, false, false},
		{"one file changed", func(round int) int { return round + 1 }, true, false, false},
		{"full build, peers --layers=false", func(int) int { return 0 }, false, true, false},
	}
	t := newTable(fmt.Sprintf("an image with two RUN steps, built; binary of %d MB", c.agent>>20), "bootloom", "buildah", "podman")
	for round := range c.rounds + 1 {
		for _, c := range cases {
			s := spec("oci:"+layout, c.revision(round), binary, c.idle)
			contextDir := filepath.Join(dir, "context")
			if err := writeContext(ctx, engine, s, baseName, contextDir); err != nil {
				return nil, err
			}
			contenders := []contender{{"bootloom", func() error {
				_, err := bootc.Build(ctx, engine, s, bootc.BuildOptions{NoCache: !c.cached})
				return err
			}}}
			if c.single {
				contenders = nil
			}
			for _, p := range peers {
				if c.single {
					p = p.single()
				}
				contenders = append(contenders, contender{p.name, func() error { return p.build(ctx, contextDir, c.cached) }})
			}
			if err := t.round(round, c.name, contenders); err != nil {
				return nil, err
			}
		}
	}
	t.same("full build, peers --layers=false", "full build", "bootloom")
	return t, nil
}

// noise does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}
