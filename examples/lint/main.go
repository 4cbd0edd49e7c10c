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
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
	"github.com/bootloom/bootloom/registry"
)

func main() {
	c := parse(os.Args[1:])
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
