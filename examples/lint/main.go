// Lint checks a bootable image, before or after it is built, and says by its exit status what it found: 0 for nothing
// that fails, 1 for findings that do, 2 for a target that cannot be read.
//
//	lint Containerfile                          the Containerfile, with its directory as the build context
//	lint quay.io/acme/edge-os:1.4.0             an image in a registry
//	lint oci:DIR[:NAME]                         an OCI layout, or oci-archive:FILE
//	lint /mnt/image                             a root file system
//	lint -old quay.io/acme/edge-os:1.3.0 quay.io/acme/edge-os:1.4.0    what an update does to a device
//	lint -rules                                 the rules
//
// In CI, keep what is known and fail on what is new:
//
//	lint -write-baseline lint.baseline Containerfile
//	lint -baseline lint.baseline -format sarif Containerfile > lint.sarif
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
	"github.com/bootloom/bootloom/registry"
)

type config struct {
	format, failOn, profiles, off      string
	baseline, writeBaseline            string
	containerfile, cache, old, context string
	config, target                     string
	platform, authfile                 string
	baseLayers                         int
	insecure, suppressed, noInline     bool
	listRules                          bool
	color                              bool
	args                               []string
}

func main() {
	var c config
	flags := flag.NewFlagSet("lint", flag.ExitOnError)
	flags.StringVar(&c.format, "format", "text", "text, json, sarif or github")
	flags.StringVar(&c.config, "config", "", "JSON file with the fields of a lint.Linter: severities, suppressions and so on")
	flags.StringVar(&c.failOn, "fail-on", "", "lowest severity that fails: error (the default), warning, note, or off")
	flags.StringVar(&c.profiles, "profiles", "", "further sets of rules: edge, disk, sealed")
	flags.StringVar(&c.off, "off", "", "rules that do not run, by ID or name, with commas between")
	flags.StringVar(&c.baseline, "baseline", "", "file with findings that are known")
	flags.StringVar(&c.writeBaseline, "write-baseline", "", "file to write the findings to, for -baseline")
	flags.StringVar(&c.containerfile, "containerfile", "", "the Containerfile that an image was built from, for the lines of findings")
	flags.StringVar(&c.context, "context", "", "build context of a Containerfile (default: its directory)")
	flags.StringVar(&c.target, "target", "", "stage of a Containerfile that is built (default: the last one)")
	flags.StringVar(&c.old, "old", "", "the image that a device runs now, for the rules about updates")
	flags.StringVar(&c.cache, "cache", "", "directory for facts about layers, so that a base is read once")
	flags.IntVar(&c.baseLayers, "base-layers", 0, "how many layers of an image are its base's (default: what the image says)")
	flags.StringVar(&c.platform, "platform", "", "platform of an image (default: linux on this architecture)")
	flags.StringVar(&c.authfile, "authfile", "", "auth.json for registries (default: your podman or docker logins)")
	flags.BoolVar(&c.insecure, "insecure", false, "accept any certificate, and plain HTTP, from registries")
	flags.BoolVar(&c.suppressed, "suppressed", false, "show suppressed findings as well")
	flags.BoolVar(&c.noInline, "no-inline", false, "ignore suppressions in Containerfiles")
	flags.BoolVar(&c.listRules, "rules", false, "list the rules")
	flags.BoolVar(&c.color, "color", false, "colours, for a terminal")
	flags.Parse(os.Args[1:])
	c.args = flags.Args()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, c, os.Stdout)
	if _, ok := errors.AsType[*lint.FindingsError](err); ok {
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, c config, w io.Writer) error {
	if c.listRules {
		for _, r := range lint.Rules() {
			fmt.Fprintf(w, "%s %-28s %-8s %s\n", r.ID, r.Slug, r.Severity, r.Title)
		}
		return nil
	}
	if len(c.args) == 0 {
		return errors.New("name a target: a Containerfile, a directory, or an image")
	}
	linter, err := c.linter()
	if err != nil {
		return err
	}
	var reports []lint.Report
	for _, target := range c.args {
		r, err := c.lint(ctx, linter, target)
		if err != nil {
			return err
		}
		reports = append(reports, r)
	}
	if err := c.write(w, reports); err != nil {
		return err
	}
	var failed error
	for _, r := range reports {
		failed = errors.Join(failed, r.Err())
	}
	return failed
}

// linter is what the flags say.
func (c config) linter() (lint.Linter, error) {
	var l lint.Linter
	if c.config != "" {
		text, err := os.ReadFile(c.config)
		if err != nil {
			return l, err
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			return l, fmt.Errorf("%s: %w", c.config, err)
		}
	}
	if c.failOn == "" {
		c.failOn = cmp.Or(l.FailOn, lint.Error).String()
	}
	if l.Severity == nil {
		l.Severity = map[string]lint.Severity{}
	}
	l.Cache, l.BaseLayers, l.NoInline = cmp.Or(c.cache, l.Cache), cmp.Or(c.baseLayers, l.BaseLayers), c.noInline || l.NoInline
	if err := l.FailOn.UnmarshalText([]byte(c.failOn)); err != nil {
		return l, fmt.Errorf("-fail-on: %w", err)
	}
	for name := range strings.SplitSeq(c.profiles, ",") {
		if name != "" {
			l.Profiles = append(l.Profiles, lint.Profile(name))
		}
	}
	for name := range strings.SplitSeq(c.off, ",") {
		if name != "" {
			l.Severity[name] = lint.Off
		}
	}
	if c.baseline != "" {
		f, err := os.Open(c.baseline)
		if err != nil {
			return l, err
		}
		defer f.Close()
		if l.Baseline, err = lint.ReadBaseline(f); err != nil {
			return l, err
		}
	}
	if c.containerfile != "" {
		file, err := c.file(c.containerfile)
		if err != nil {
			return l, err
		}
		l.BuiltFrom = &file
	}
	return l, nil
}

func (c config) file(name string) (lint.Containerfile, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return lint.Containerfile{}, err
	}
	dir := c.context
	if dir == "" {
		dir = filepath.Dir(name)
	}
	return lint.Containerfile{Name: name, Text: text, Target: c.target, Context: os.DirFS(dir)}, nil
}

// lint finds out what the target is: a directory, a file, or else the name of an image.
func (c config) lint(ctx context.Context, l lint.Linter, target string) (lint.Report, error) {
	if info, err := os.Stat(target); err == nil && c.old == "" {
		if info.IsDir() {
			return l.Dir(ctx, target)
		}
		file, err := c.file(target)
		if err != nil {
			return lint.Report{}, err
		}
		return l.Containerfile(file), nil
	}
	image, err := c.open(ctx, target)
	if err != nil {
		return lint.Report{}, err
	}
	defer image.Close()
	if c.old == "" {
		return l.Image(ctx, target, readable(image))
	}
	old, err := c.open(ctx, c.old)
	if err != nil {
		return lint.Report{}, err
	}
	defer old.Close()
	return l.Upgrade(ctx, target, readable(old), readable(image))
}

func (c config) open(ctx context.Context, name string) (*registry.Reader, error) {
	client := registry.Client{AuthFile: c.authfile, InsecureSkipTLSVerify: c.insecure}
	return client.Open(ctx, bootc.Image{Location: name}, c.platform)
}

func readable(r *registry.Reader) lint.Image {
	return lint.Image{Manifest: r.Manifest.Data, Config: r.ConfigData, Layer: r.Layer}
}

func (c config) write(w io.Writer, reports []lint.Report) error {
	if c.writeBaseline != "" {
		var b bytes.Buffer
		for _, r := range reports {
			if err := r.WriteBaseline(&b); err != nil {
				return err
			}
		}
		if err := os.WriteFile(c.writeBaseline, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if c.format == "sarif" {
		var anchor string
		if c.containerfile != "" {
			anchor = c.containerfile
		}
		return lint.WriteSARIF(w, lint.SARIFOptions{Anchor: anchor}, reports...)
	}
	for _, r := range reports {
		var err error
		switch c.format {
		case "text":
			err = r.WriteText(w, lint.TextOptions{Color: c.color, Suppressed: c.suppressed})
		case "json":
			err = r.WriteJSON(w)
		case "github":
			err = r.WriteGitHub(w)
		default:
			err = fmt.Errorf("-format %q: want text, json, sarif or github", c.format)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
