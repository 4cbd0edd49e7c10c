// Whatchanged says what an update from one image to another changes on a device, as Markdown for release notes: packages,
// kernel and its arguments, units, users, files, and what has to be downloaded. Its exit status is 0, and 2 for images that
// cannot be compared.
//
//	whatchanged quay.io/acme/edge-os:1.4.0 quay.io/acme/edge-os:1.5.0
//	whatchanged -format json oci:old oci:new
//	whatchanged -cache ~/.cache/whatchanged quay.io/acme/edge-os:1.4.0 oci:build    before it is published
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/changes"
	"github.com/bootloom/bootloom/registry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "whatchanged:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("whatchanged", flag.ExitOnError)
	format := flags.String("format", "text", "text or json")
	cache := flags.String("cache", "", "directory for what was read of layers, so that a base is read once")
	platform := flags.String("platform", "", "platform of the images (default: linux on this architecture)")
	authfile := flags.String("authfile", "", "auth.json for registries (default: your podman or docker logins)")
	insecure := flags.Bool("insecure", false, "accept any certificate, and plain HTTP, from registries")
	files := flags.Int("files", 0, "how many files to name (default: 40; -1: all)")
	all := flags.Bool("all", false, "name the files that packages bring, too")
	flags.Parse(args)
	if flags.NArg() != 2 {
		return fmt.Errorf("want two images, the old one and the new one; got %d", flags.NArg())
	}
	report, err := changes.Between(ctx, bootc.Image{Location: flags.Arg(0)}, bootc.Image{Location: flags.Arg(1)}, changes.Options{
		Platform: *platform,
		Cache:    *cache,
		Registry: registry.Client{AuthFile: *authfile, InsecureSkipTLSVerify: *insecure},
	})
	if err != nil {
		return err
	}
	switch *format {
	case "text":
		return report.WriteText(w, changes.TextOptions{Files: *files, All: *all})
	case "json":
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(report)
	}
	return fmt.Errorf("-format %s: want text or json", *format)
}
