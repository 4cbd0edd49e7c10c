package bootc_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"testing/fstest"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// A Spec grows by methods that return a changed copy, so one can be the stem of many.
func ExampleFrom() {
	edge := bootc.From("quay.io/centos-bootc/centos-bootc:stream10").
		With(bootc.File{Path: "/usr/lib/acme/site.conf", Content: bootc.Text("site=7\n")}).
		Label("com.acme.owner", "edge team").
		Annotate("com.acme.ticket", "EDGE-12").
		At(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC))
	gpu := edge.Script("driver", "acme-install-driver\n")

	fmt.Println(len(edge.Features), len(gpu.Features))
	// Output: 1 2
}

// A plan shows what an engine would do, without one.
func ExampleSpec_Compile() {
	spec := bootc.From("quay.io/acme/base:1").
		File("/usr/lib/acme/site.conf", "site=7\n").
		With(bootc.Release{Version: "1.4.0"})
	plan, err := spec.Compile(bootc.Base{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan.Containerfile)
	fmt.Println("---")
	for i, step := range plan.Containerfile.All() {
		if add, ok := step.(containerfile.Add); ok {
			fmt.Println(add.Sources, "is from", plan.Features(i.Stage, i.Step))
		}
	}
	for _, a := range plan.Archives {
		n, err := a.WriteTo(io.Discard)
		fmt.Println(a.Name, a.Entries[0].Path, n, "bytes", err)
	}
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # files: /usr/lib/acme/site.conf (File)
	// ADD files.tar /
	// LABEL org.opencontainers.image.version=1.4.0
	// ---
	// [files.tar] is from [Features[0].File]
	// files.tar /usr/lib/acme/site.conf 2048 bytes <nil>
}

// The build context can go to a directory, for a builder of one's own.
func ExamplePlan_WriteContext() {
	dir, err := os.MkdirTemp("", "context")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	plan, err := bootc.From("quay.io/acme/base:1").File("/etc/motd", "hi\n").Compile(bootc.Base{})
	if err != nil {
		log.Fatal(err)
	}
	if err := plan.WriteContext(dir); err != nil {
		log.Fatal(err)
	}
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		fmt.Println(f.Name())
	}
	// Output:
	// Containerfile
	// files.tar
}

// All mistakes are found at once, each with its place in the Spec.
func ExampleFieldErrors() {
	_, err := bootc.From("centos-bootc").
		File("/run/acme", "").
		With(probe{}).
		Compile(bootc.Base{})
	for _, e := range bootc.FieldErrors(err) {
		fmt.Println(e.Path)
	}
	// Output:
	// Base
	// Features[1].probe.URL
	// Features[0].File
}

// Any type can be a feature: here one that puts a file, and says which field of it is wrong.
func ExampleErrorf() {
	err := bootc.Errorf("Every", "%v is less than a second", time.Millisecond)
	fmt.Println(err)
	// Output: Every: 1ms is less than a second
}

// motd is a feature of a caller.
type motd struct{ Text string }

func (m motd) Contribute(d *bootc.Draft) error {
	if m.Text == "" {
		return bootc.Errorf("Text", "is empty")
	}
	d.Put(bootc.PhaseFiles, bootc.Entry{Path: "/etc/motd", Mode: 0o644, Content: bootc.Text(m.Text)})
	d.Stage(containerfile.Stage{Name: "banner", From: d.Base().From()})
	d.Add(bootc.PhaseFinish, containerfile.Copy{From: "banner", Sources: []string{"/etc/os-release"}, Dest: "/usr/lib/banner"})
	d.Secret("banner-key")
	d.Label("com.acme.motd", "yes")
	d.Annotate("com.acme.motd", m.Text)
	return nil
}

func ExampleFeature() {
	plan, err := bootc.From("quay.io/acme/base:1").With(motd{"hello"}).Compile(bootc.Base{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan.Containerfile)
	fmt.Println(plan.Secrets, plan.Annotations["com.acme.motd"])
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1 AS banner
	//
	// FROM quay.io/acme/base:1
	// # files: /etc/motd (motd)
	// ADD files.tar /
	// # finish (motd)
	// COPY --from=banner /etc/os-release /usr/lib/banner
	// LABEL com.acme.motd=yes
	// [banner-key] hello
}

// Content comes from memory or from any file system, and is the same either way.
func ExampleFromFS() {
	fsys := fstest.MapFS{"motd": {Data: []byte("hello\n")}}
	for _, c := range []bootc.Content{bootc.FromFS(fsys, "motd"), bootc.Text("hello\n"), bootc.Bytes([]byte{0xff})} {
		size, err := c.Size()
		if err != nil {
			log.Fatal(err)
		}
		all, err := c.ReadAll()
		if err != nil {
			log.Fatal(err)
		}
		r, err := c.Open()
		if err != nil {
			log.Fatal(err)
		}
		streamed, _ := io.ReadAll(r)
		r.Close()
		text, _ := c.MarshalJSON()
		fmt.Println(size, bytes.Equal(all, streamed), string(text))
	}
	// Output:
	// 6 true "hello\n"
	// 6 true "hello\n"
	// 1 true {"base64":"/w=="}
}

// What is built in a stage stays there, but for what is copied. The stage starts from the image's own base.
func ExampleStage() {
	spec := bootc.From("quay.io/acme/base:1").With(bootc.Stage{
		Name:    "driver",
		Trees:   []bootc.Tree{{Path: "/src", FS: fstest.MapFS{"Makefile": {Data: []byte("all:\n")}}}},
		Scripts: []bootc.Script{{Name: "make", Body: "make -C /src\n", NoNetwork: true}},
		Copies:  []bootc.StageCopy{{Source: "/src/acme.ko", Dest: "/usr/lib/modules/6.12.0/extra/acme.ko"}},
		Phase:   "kernel",
	})
	plan, err := spec.Compile(bootc.Base{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan.Containerfile)
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1 AS driver
	// ARG SOURCE_DATE_EPOCH
	// ADD stage-driver.tar /
	// RUN --network=none <<'EOF'
	// # script: make
	// set -eu
	// make -C /src
	// EOF
	//
	// FROM quay.io/acme/base:1
	// ARG SOURCE_DATE_EPOCH
	// # kernel (Stage)
	// COPY --from=driver /src/acme.ko /usr/lib/modules/6.12.0/extra/acme.ko
	// RUN <<'EOF'
	// set -eu
	// set -- /usr/lib/modules/*/vmlinuz
	// if [ $# -gt 1 ] || [ ! -e "$1" ]; then
	//   echo "a bootable image has one kernel, /usr/lib/modules/VERSION/vmlinuz; this one has: $*" >&2
	//   exit 1
	// fi
	// k=${1%/vmlinuz}
	// k=${k##*/}
	// depmod "$k"
	// EOF
}

// A script sees a secret only while it runs.
func ExampleScript() {
	spec := bootc.From("quay.io/acme/base:1").With(bootc.Script{
		Name:    "enrol",
		Body:    "acme-enrol --token-file /run/secrets/token\n",
		Secrets: []bootc.SecretMount{{ID: "token"}},
	})
	plan, err := spec.Compile(bootc.Base{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(plan.Containerfile)
	fmt.Println(plan.Secrets)
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// ARG SOURCE_DATE_EPOCH
	// # finish (Script)
	// RUN --mount=type=secret,id=token,required=true \
	//     <<'EOF'
	// # script: enrol
	// set -eu
	// acme-enrol --token-file /run/secrets/token
	// EOF
	// [token]
}

// The value of a secret that has to be in the image is in one layer, and nowhere else.
func ExampleFileFromSecret() {
	spec := bootc.From("quay.io/acme/base:1").With(bootc.FileFromSecret{Path: "/etc/ostree/auth.json", Secret: "pull-secret"})
	options := bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{
		"pull-secret": bootc.SecretFile("/run/secrets/auth.json"), // or SecretEnv, or SecretBytes
	}}
	plan, err := spec.Compile(bootc.Base{})
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range plan.Secrets {
		fmt.Println(id, options.Secrets[id])
	}
	// Output: pull-secret [redacted]
}

func ExampleSecretBytes() {
	os.Setenv("ACME_TOKEN", "s3cr3t")
	defer os.Unsetenv("ACME_TOKEN")
	for _, v := range []bootc.SecretValue{bootc.SecretBytes([]byte("s3cr3t")), bootc.SecretEnv("ACME_TOKEN")} {
		value, err := v.Resolve()
		fmt.Printf("%v %d bytes %v\n", v, len(value), err)
	}
	// Output:
	// [redacted] 6 bytes <nil>
	// [redacted] 6 bytes <nil>
}

// An error of an operation says what was done to what, and keeps its cause.
func ExampleOpError() {
	cause := errors.New("connection refused")
	err := &bootc.OpError{Op: "push", Ref: "quay.io/acme/edge", Err: cause}
	fmt.Println(err, errors.Is(err, cause))
	// Output: push quay.io/acme/edge: connection refused true
}
