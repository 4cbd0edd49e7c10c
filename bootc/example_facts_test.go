package bootc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"

	"github.com/bootloom/bootloom/bootc"
)

// A Spec is the same value as literal, chain and JSON.
func ExampleSpec_ID() {
	chain := bootc.From("quay.io/acme/base:1").File("/etc/motd", "hi\n").Label("a", "1")
	literal := bootc.Spec{
		Base:     "quay.io/acme/base:1",
		Features: []bootc.Feature{&bootc.File{Path: "/etc/motd", Content: bootc.FromFS(fstest.MapFS{"x": {Data: []byte("hi\n")}}, "x")}},
		Labels:   map[string]string{"a": "1"},
	}
	text, err := json.Marshal(chain)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	var decoded bootc.Spec
	if err := json.Unmarshal(text, &decoded); err != nil {
		log.Fatal(err)
	}
	want, _ := chain.ID()
	for _, s := range []bootc.Spec{literal, decoded, chain.Label("a", "2")} {
		id, err := s.ID()
		fmt.Println(id == want, err)
	}
	// Output:
	// {"Base":"quay.io/acme/base:1","Features":[{"kind":"File","Path":"/etc/motd","Content":"hi\n"}],"Labels":{"a":"1"}}
	// true <nil>
	// true <nil>
	// false <nil>
}

// A Codec carries the features of a caller as well.
func ExampleCodec() {
	codec := bootc.Codec{Kinds: map[string]bootc.Feature{"acme.Motd": motd{}}}
	text, err := codec.Marshal(bootc.From("quay.io/acme/base:1").With(motd{"hello"}))
	if err != nil {
		log.Fatal(err)
	}
	spec, err := codec.Unmarshal(text)
	fmt.Println(string(text))
	fmt.Printf("%T %v\n", spec.Features[0], err)
	_, known := bootc.Kinds()["Packages"]
	fmt.Println(known)
	// Output:
	// {"Base":"quay.io/acme/base:1","Features":[{"kind":"acme.Motd","Text":"hello"}]}
	// bootc_test.motd <nil>
	// true
}

// Facts about a base can be stated, follow from its files, or come with a well-known name.
func ExampleBase_Infer() {
	base, err := bootc.Base{Ref: "quay.io/acme/base:1", Files: fstest.MapFS{
		"usr/lib/os-release":           {Data: []byte("ID=acme\nID_LIKE=\"rhel fedora\"\n")},
		"usr/bin/dnf5":                 {Mode: 0o755},
		"usr/lib/modules/6.12/vmlinuz": {},
	}}.Infer()
	fmt.Println(base.Family, base.Tool, base.Kernel, err)
	fmt.Println(base.From(), base.Local())
	text, err := base.ReadFile("/usr/lib/os-release")
	fmt.Println(bootc.ParseOSRelease(text)["ID_LIKE"], err)
	// Output:
	// fedora dnf5 6.12 <nil>
	// quay.io/acme/base:1 false
	// rhel fedora <nil>
}

func ExampleWellKnown() {
	base, ok := bootc.WellKnown("quay.io/fedora/fedora-bootc:42")
	fmt.Println(base.Family, base.Tool, ok)
	// Output: fedora dnf5 true
}

// needy is a feature that needs facts about the base.
type needy struct{}

func (needy) Contribute(d *bootc.Draft) error {
	_, err := d.Kernel() // likewise Family, Tool and ReadBase
	return err
}

func ExampleDraft_Kernel() {
	_, err := bootc.From("quay.io/acme/base:1").With(needy{}).Compile(bootc.Base{})
	fmt.Println(errors.Is(err, bootc.ErrUnknownFact))
	_, err = bootc.From("quay.io/acme/base:1").With(needy{}).Compile(bootc.Base{Kernel: "6.12"})
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// What the image is can be read from the checkout that the program stands in.
func ExampleGitRelease() {
	dir, err := os.MkdirTemp("", "checkout")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for name, text := range map[string]string{ // as git would write it
		"HEAD":        "ref: refs/heads/main\n",
		"packed-refs": commit + " refs/heads/main\n" + commit + " refs/tags/v1.4.0\n",
		"config":      "[remote \"origin\"]\n\turl = https://me:hunter2@git.example.com/acme/edge-os\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, ".git"), 0o755),
			os.WriteFile(filepath.Join(dir, ".git", name), []byte(text), 0o644)); err != nil {
			log.Fatal(err)
		}
	}

	release, err := bootc.GitRelease(dir)
	if err != nil {
		log.Fatal(err)
	}
	release.Title = "Acme edge OS"
	plan, err := bootc.From("quay.io/acme/base:1").With(release).Compile(bootc.Base{})
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range []string{"title", "version", "revision", "source", "base.name", "created"} {
		fmt.Println(key, plan.Annotations["org.opencontainers.image."+key])
	}
	// Output:
	// title Acme edge OS
	// version 1.4.0
	// revision 0123456789abcdef0123456789abcdef01234567
	// source https://git.example.com/acme/edge-os
	// base.name quay.io/acme/base:1
	// created 1970-01-01T00:00:00Z
}

// One call resolves the base, compiles and builds. Any Engine will do; this one is a fake.
func ExampleBuild() {
	spec := bootc.From("quay.io/acme/base:1").File("/etc/motd", "hi\n")
	image, err := bootc.Build(context.Background(), &fakeEngine{}, spec, bootc.BuildOptions{
		Platform: "linux/amd64",
		OnEvent:  bootc.Progress(os.Stdout),
	})
	fmt.Println(image.Platform, image.AddedBytes(), err)
	// Output:
	// build quay.io/acme/base:1
	// linux/amd64 0 <nil>
}

// Several platforms build at once; the first failure cancels the rest.
func ExampleBuildAll() {
	images, err := bootc.BuildAll(context.Background(), &fakeEngine{}, bootc.From("quay.io/acme/base:1"),
		[]string{"linux/amd64", "linux/arm64"}, bootc.BuildOptions{Output: "oci:/srv/out:{platform}"})
	for _, image := range images {
		fmt.Println(image.Platform)
	}
	fmt.Println(err)
	// Output:
	// linux/amd64
	// linux/arm64
	// <nil>
}

func ExampleLogEvents() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	on := bootc.LogEvents(logger)
	on(bootc.Event{Kind: bootc.EventStep, Op: "build", Step: 1, Steps: 4, Text: "ADD files.tar /", Cached: true})
	// Output: level=INFO msg=step op=build text="ADD files.tar /" step=1 steps=4 cached=true
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// Events turns the callback into a loop. Leaving it cancels the build.
func ExampleEvents() {
	spec := bootc.From("quay.io/acme/base:1")
	var image bootc.Image
	for e, err := range bootc.Events(context.Background(), func(ctx context.Context, on func(bootc.Event)) (err error) {
		image, err = bootc.Build(ctx, &fakeEngine{}, spec, bootc.BuildOptions{Platform: "linux/amd64", OnEvent: on})
		return err
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Kind, e.Op, e.Ref)
	}
	fmt.Println(strings.HasPrefix(image.Spec, "sha256:"))
	// Output:
	// start build quay.io/acme/base:1
	// true
}

// agent is a feature made of others.
type agent struct{ Package, Unit string }

func (a agent) Contribute(d *bootc.Draft) error {
	return errors.Join(
		d.Use("Package", bootc.Packages{Install: []string{a.Package}}),
		d.Use("Unit", bootc.Unit{Name: a.Unit, Enable: true}),
	)
}

func ExampleDraft_Use() {
	base := bootc.Base{Tool: bootc.DNF4}
	_, err := bootc.From("quay.io/acme/base:1").With(agent{"acme-agent", "acme-agent"}).Compile(base)
	fmt.Println(err)
	plan, err := bootc.From("quay.io/acme/base:1").With(agent{"acme-agent", "acme-agent.service"}).Compile(base)
	fmt.Println(len(plan.Containerfile.Stages[0].Steps), err)
	// Output:
	// Features[0].agent.Unit.Name: "acme-agent" is not the name of a unit with its type, such as app.service
	// 6 <nil>
}

func ExamplePreflight() {
	found := bootc.Preflight{
		{What: "a tmpfs at /run", Why: "a full disk keeps the engine from tidying up", Fix: "mount one"},
		{What: "/dev/loop-control", Why: "disks are made on loop devices", Fix: "load the module loop", Fatal: true},
	}
	fmt.Println(found.Err())
	// Output:
	// it cannot be built here:
	// 	/dev/loop-control: disks are made on loop devices; load the module loop
}
