package main

import (
	"context"
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
	const (
		binary    = "files, a binary of 60 MB, RUN systemctl preset-all"
		files     = "files, RUN systemctl preset-all"
		oneLayer  = ": peers with --layers=false"
		noChange  = "the same again"
		oneChange = "one file changed"
	)
	cases := []struct {
		name   string
		run    work
		agent  []byte
		cached bool
		single string // of the case whose full build of ours stands beside peers that make one layer and keep nothing
	}{
		{name: binary, run: presets, agent: noise(60 << 20)},
		{name: binary + oneLayer, run: presets, agent: noise(60 << 20), single: binary},
		{name: files, run: presets},
		{name: files + oneLayer, run: presets, single: files},
		{name: "files, RUN true", run: nothing},
		{name: "files, RUN update-ca-certificates, systemctl preset-all", run: certificates},
		{name: noChange, run: certificates, cached: true},
		{name: oneChange, run: certificates, cached: true},
	}
	t := newTable("the image of the demo, built", "bootloom", "buildah", "podman")
	for round := range c.rounds + 1 {
		for _, c := range cases {
			revision := 0
			if c.name == oneChange {
				revision = round + 1
			}
			s := spec("oci:"+layout, revision, c.agent, c.run)
			contextDir := filepath.Join(dir, "context")
			if err := writeContext(ctx, engine, s, baseName, contextDir); err != nil {
				return nil, err
			}
			contenders := []contender{{"bootloom", func() error {
				_, err := bootc.Build(ctx, engine, s, bootc.BuildOptions{NoCache: !c.cached})
				return err
			}}}
			if c.single != "" {
				contenders = nil
			}
			for _, p := range peers {
				if c.single != "" {
					p = p.single()
				}
				contenders = append(contenders, contender{p.name, func() error { return p.build(ctx, contextDir, c.cached) }})
			}
			if err := t.round(round, c.name, contenders); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range cases {
		if c.single != "" {
			t.same(c.name, c.single, "bootloom")
		}
	}
	return t, nil
}

// noise does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}
