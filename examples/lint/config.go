package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bootloom/bootloom/lint"
)

// config is what the command line says.
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

// parse reads the command line; a mistake in it ends the program.
func parse(args []string) config {
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
	flags.Parse(args)
	c.args = flags.Args()
	return c
}

// linter is the linter that the flags describe.
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
