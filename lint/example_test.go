package lint_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"testing/fstest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
	"github.com/bootloom/bootloom/registry"
)

// A Containerfile is linted before it is built, with the files that it copies.
func ExampleLinter_Containerfile() {
	report := lint.Linter{}.Containerfile(lint.Containerfile{
		Name: "Containerfile",
		Text: []byte(`FROM quay.io/centos-bootc/centos-bootc:stream10@sha256:0000000000000000000000000000000000000000000000000000000000000000
COPY kargs.toml /usr/lib/bootc/kargs.d/10-console.toml
RUN systemctl enable --now sshd
`),
		Context: fstest.MapFS{"kargs.toml": {Data: []byte("kargs = [\"console=ttyS0\"]\nmatch-architectures = [\"amd64\"]\n")}},
	})
	if err := report.WriteText(os.Stdout, lint.TextOptions{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Containerfile:2: /usr/lib/bootc/kargs.d/10-console.toml:2: error BL106 kargs-arch-name: "amd64" matches no machine, so that the file is never applied
	//     found: amd64
	//     fix: write "x86_64"
	// Containerfile:3:5: error BL405 live-verb-in-run: systemctl enable --now needs a running system, which a build does not have
	//     found: systemctl enable --now sshd
	//     fix: leave out --now: the unit is started at boot
	// Containerfile: 2 errors
}

// The findings of a Spec name the fields that make them.
func ExampleLinter_Spec() {
	spec := bootc.From("quay.io/acme/base:1").
		With(bootc.File{Path: "/usr/share/acme/notes", Content: bootc.Text("anyone may write here\n"), Mode: 0o666})
	report := lint.Linter{}.Spec(spec, bootc.Base{})
	for _, f := range report.Findings {
		if f.Severity == lint.Error {
			fmt.Println(f.Source.Fields, f.Rule, f.Path, f.Message)
		}
	}
	// Output: [Features[0].File] BL214 /usr/share/acme/notes mode 0666: anyone may change it
}

// An image is linted where it lies: in a registry, an OCI layout or an archive.
func ExampleLinter_Image() {
	ctx := context.Background()
	image, err := registry.Client{}.Open(ctx, bootc.Image{Location: "docker://quay.io/acme/edge-os:1.4.0"}, "linux/amd64")
	if err != nil {
		log.Fatal(err)
	}
	defer image.Close()
	report, err := lint.Linter{Cache: "/var/cache/acme-lint"}.Image(ctx, "quay.io/acme/edge-os:1.4.0",
		lint.Image{Manifest: image.Manifest.Data, Config: image.ConfigData, Layer: image.Layer})
	if err != nil {
		log.Fatal(err)
	}
	if err := report.Err(); err != nil {
		log.Fatal(err) // each finding on a line
	}
}

// Any file system is a root file system; Dir is for directories of this machine.
func ExampleLinter_Root() {
	root := fstest.MapFS{"usr/lib/modules/6.12.0/vmlinuz": {}}
	l := lint.Linter{Severity: map[string]lint.Severity{"api-base-directories": lint.Off, "baseimage-root": lint.Off}}
	report, err := l.Root(context.Background(), "my root", root)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range report.Findings {
		if f.Severity == lint.Error {
			fmt.Println(f)
		}
	}
	// Output: /usr/lib/modules/6.12.0/vmlinuz: error BL103: there is no initramfs.img beside it: the device cannot mount its root
}

// A rule of one's own is the equal of those of this package.
func ExampleRule() {
	motd := lint.Rule{
		ID: "ACME1", Slug: "acme-motd", Severity: lint.Warning, Stages: lint.InSpec | lint.InContainerfile | lint.InRoot,
		Title: "a login message without our name",
		Wants: lint.Reading("/etc/motd"),
		Check: func(f *lint.Facts, found func(lint.Finding)) {
			for file := range f.Files("/etc/motd") {
				if text, ok := file.Content(); ok && !bytes.Contains(text, []byte("Acme")) {
					found(file.Finding("does not say whose device it is").Fixed("begin it with Acme"))
				}
			}
		},
	}
	l := lint.Linter{Rules: []lint.Rule{motd}, FailOn: lint.Warning} // or append(lint.Rules(), motd)
	report := l.Containerfile(lint.Containerfile{Text: []byte("FROM quay.io/acme/base:1\nRUN echo Welcome > /etc/motd\n")})
	fmt.Println(report.Err())
	// Output:
	// lint of Containerfile: 1 finding:
	// Containerfile:2: /etc/motd: warning ACME1: does not say whose device it is
}

// What is known is no news: a baseline holds the fingerprints of findings, which stay the same when lines move.
func ExampleReadBaseline() {
	file := lint.Containerfile{Text: []byte("FROM quay.io/acme/base@sha256:" + strings.Repeat("0", 64) + "\nRUN systemctl daemon-reload\n")}
	var known bytes.Buffer
	if err := (lint.Linter{}).Containerfile(file).WriteBaseline(&known); err != nil {
		log.Fatal(err)
	}
	baseline, err := lint.ReadBaseline(&known)
	if err != nil {
		log.Fatal(err)
	}
	file.Text = append(file.Text, "RUN systemctl start acme\n"...)
	for _, f := range (lint.Linter{Baseline: baseline}).Containerfile(file).Open() {
		fmt.Println(f)
	}
	// Output: Containerfile:3:5: error BL405: systemctl start needs a running system, which a build does not have
}

// Suppressions have a reason, and may have an end. In a Containerfile they are comments.
func ExampleSuppression() {
	l := lint.Linter{Suppress: []lint.Suppression{{Rule: "base-unpinned", Reason: "the platform team moves the tag"}}}
	report := l.Containerfile(lint.Containerfile{Text: []byte(`FROM quay.io/acme/base
# bootloom ignore=BL405 until=2999-12-31 # our own systemctl
RUN systemctl daemon-reload
`)})
	for _, f := range report.Findings {
		fmt.Printf("%s (%s: %s)\n", f.Rule, f.Suppressed.By, f.Suppressed.Reason)
	}
	fmt.Println(report.Err())
	// Output:
	// BL405 (inline: our own systemctl)
	// BL801 (config: the platform team moves the tag)
	// <nil>
}

// GitHub shows annotations beside the lines; WriteSARIF is for its code scanning, and for other tools.
func ExampleReport_WriteGitHub() {
	const text = "FROM quay.io/acme/base@sha256:0000000000000000000000000000000000000000000000000000000000000000\nRUN systemctl reboot\n"
	report := lint.Linter{}.Containerfile(lint.Containerfile{Name: "images/edge/Containerfile", Text: []byte(text)})
	if err := report.WriteGitHub(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// ::error title=BL405 live-verb-in-run,file=images/edge/Containerfile,line=2,col=5::systemctl reboot needs a running system, which a build does not have%0AFix: systemctl enable starts a unit at boot; units and drop-ins are read then without daemon-reload
}

// What an update does to a device that runs the old image has rules of its own.
func ExampleLinter_Upgrade() {
	ctx := context.Background()
	open := func(ref string) lint.Image {
		r, err := registry.Client{}.Open(ctx, bootc.Image{Location: ref}, "")
		if err != nil {
			log.Fatal(err)
		}
		return lint.Image{Manifest: r.Manifest.Data, Config: r.ConfigData, Layer: r.Layer}
	}
	report, err := lint.Linter{}.Upgrade(ctx, "1.3.0 to 1.4.0", open("quay.io/acme/edge-os:1.3.0"), open("quay.io/acme/edge-os:1.4.0"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Count(lint.Error), "errors")
}

// A script is read as a shell would, and what only a running shell knows is not guessed.
func ExampleReadShell() {
	commands, err := lint.ReadShell("cd /etc && echo hello > motd\nrm -rf /var/{cache,log}/* $UNKNOWN\n")
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range commands {
		for _, w := range c.Writes {
			fmt.Println(c.Line, c.Name, w.Op, w.Path)
		}
	}
	// Output:
	// 1 echo create /etc/motd
	// 2 rm remove /var/cache/*
	// 2 rm remove /var/log/*
}

// The image's own lint, run by podman and read into a report.
func ExampleRunBootc() {
	report, err := lint.RunBootc(context.Background(), "podman", "run", "--rm", "quay.io/acme/edge-os:1.4.0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Err())
}
