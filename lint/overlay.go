package lint

import (
	"context"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
)

// Overlay is an image whose layers lie in directories of this machine, as containers/storage keeps them for overlayfs.
type Overlay struct {
	// Dirs of the layers (…/diff), the lowest first. Whiteouts and opaque marks in them are those of overlayfs.
	Dirs []string
	// Manifest and Config of the image in JSON, as far as they are known. The config's diff ids name the layers, if there are
	// as many as Dirs.
	Manifest, Config []byte
}

// Overlay lints an image in the store of an engine, as Image does. It wants Linux, and the rights to read the layers. What
// only a tar shows, hard links between layers, is not seen.
func (l Linter) Overlay(ctx context.Context, name string, o Overlay) (Report, error) {
	rules, err := l.rules()
	if err != nil {
		return Report{}, err
	}
	f, err := l.overlay(ctx, rules, o)
	if err != nil {
		return Report{}, &bootc.OpError{Op: "lint", Ref: name, Err: err}
	}
	return l.run(name, f, rules, nil), nil
}

// Gather reads the layers into Linter.Cache, and runs no rules: for a process that has the rights to read them, where
// another one lints. Of Linter.Rules only the Wants count: a single rule with what the other process's Linter.Wants returns
// will do. Overlay of that other process then reads the cache.
func (l Linter) Gather(ctx context.Context, o Overlay) error {
	_, err := l.overlay(ctx, l.Rules, o)
	return err
}

// Wants returns what all rules that run ask for. The error is a mistake in the Linter, such as a setting for a rule that
// does not exist.
func (l Linter) Wants() ([]Want, error) {
	rules, err := l.rules()
	if err != nil {
		return nil, err
	}
	var out []Want
	for _, r := range rules {
		out = append(out, r.Wants...)
	}
	return out, nil
}

// overlay gathers the facts about an image in a store.
func (l Linter) overlay(ctx context.Context, rules []Rule, o Overlay) (*Facts, error) {
	m, config, err := parseImage(o.Manifest, o.Config)
	if err != nil {
		return nil, err
	}
	layers := layerReader{
		n: len(o.Dirs), source: fromStore,
		digest: func(i int) digest.Digest { return "" },
		read:   func(g *gatherer, i int) error { return g.readDisk(ctx, o.Dirs[i], true) },
	}
	if ids := config.RootFS.DiffIDs; len(ids) == len(o.Dirs) {
		layers.digest = func(i int) digest.Digest { return ids[i] }
	}
	f, err := l.gather(ctx, rules, m, config, layers)
	if err == nil && len(o.Config) == 0 { // what is not there was not left out
		f.Config, f.Stages = nil, f.Stages&^InConfig
	}
	return f, err
}
