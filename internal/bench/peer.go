package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// peer is a program that builds a Containerfile from a context directory into a containers-storage of its own.
type peer struct {
	name   string
	dir    string   // holds its store
	argv   []string // program and global flags
	layers bool     // a layer a step, kept for the next build, as ours are
}

// newPeers returns Debian's buildah and podman, each with a private store that holds the base under baseName.
func newPeers(ctx context.Context, dir, baseLayout string) ([]peer, error) {
	// Both derive a name for the image from the path, and some paths make no name.
	link := filepath.Join(dir, "base")
	if err := os.Symlink(baseLayout, link); err != nil {
		return nil, err
	}
	var out []peer
	for _, name := range []string{"buildah", "podman"} {
		p := newPeer(name, dir)
		if err := p.run(ctx, "pull", "oci:"+link); err != nil {
			return nil, fmt.Errorf("%s cannot read the base: %w", name, err)
		}
		id, err := p.output(ctx, "images", "--quiet", "--no-trunc")
		if err != nil {
			return nil, err
		}
		if err := p.run(ctx, "tag", strings.TrimSpace(id), baseName); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// newPeer is a program with a store of its own, which is empty.
func newPeer(name, dir string) peer {
	p := peer{name: name, dir: filepath.Join(dir, name), layers: true}
	p.argv = []string{name, "--root", filepath.Join(p.dir, "root"), "--runroot", filepath.Join(p.dir, "run"), "--storage-driver", "overlay"}
	return p
}

// single is the peer as it builds when nothing is kept: all steps in one layer.
func (p peer) single() peer {
	p.layers = false
	return p
}

// build builds the context, with what earlier builds left or without.
func (p peer) build(ctx context.Context, dir string, cached bool) error {
	args := []string{"build", "--isolation", "chroot", "--layers=" + strconv.FormatBool(p.layers), "--quiet", "--tag", "localhost/bench:latest", "--pull-never"}
	if p.name == "podman" {
		args[len(args)-1] = "--pull=never"
	}
	if !cached {
		args = append(args, "--no-cache")
	}
	return p.run(ctx, append(args, "--file", filepath.Join(dir, "Containerfile"), dir)...)
}

func (p peer) run(ctx context.Context, args ...string) error {
	_, err := p.output(ctx, args...)
	return err
}

func (p peer) output(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.argv[0], append(p.argv[1:], args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+p.dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", p.name, args[0], err, stderr.String())
	}
	return string(stdout), nil
}
