//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"go.podman.io/buildah/define"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/registry"
)

func Example() {
	eng, err := buildah.Open(buildah.Options{Root: "/var/lib/acme/images"})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	spec := bootc.From("quay.io/centos-bootc/centos-bootc:stream10").Install("tmux")
	img, err := bootc.Build(ctx, eng, spec, bootc.BuildOptions{Platform: "linux/amd64", Output: "oci:/srv/edge:1.4.0"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(img.Location, img.Digest)
}

// A private registry with its own CA, and bases that must be signed.
func ExampleOpen() {
	ca, err := os.ReadFile("registry-ca.pem")
	if err != nil {
		log.Fatal(err)
	}
	policy, err := os.ReadFile("policy.json")
	if err != nil {
		log.Fatal(err)
	}
	eng, err := buildah.Open(buildah.Options{
		Root: "/var/lib/acme/images",
		Registry: registry.Client{
			CA:          ca,
			Credentials: map[string]registry.Credential{"registry.acme.example": {Username: "builder", Password: os.Getenv("REGISTRY_PASSWORD")}},
		},
		Policy:      &buildah.Policy{JSON: policy},
		Compression: bootc.Zstd,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
}

// Machines of a CI share what they have built. Those that build pull requests have a login that cannot write.
func ExampleCache() {
	o := buildah.Options{
		Root: "/var/lib/acme/images",
		Cache: buildah.Cache{
			Repository: "registry.acme.example/cache/edge",
			ReadOnly:   os.Getenv("PULL_REQUEST") != "",
			Key:        bootc.SecretEnv("IMAGE_CACHE_KEY"),
		},
	}
	fmt.Printf("%+v\n", o.Cache)
	// Output: {Repository:registry.acme.example/cache/edge ReadOnly:false Key:[redacted]}
}

// What a caller can tell from an error.
func ExampleEngine_Build() {
	var eng *buildah.Engine
	var plan bootc.Plan
	_, err := eng.Build(context.Background(), plan, bootc.BuildOptions{
		Secrets: map[string]bootc.SecretValue{"repo-token": bootc.SecretEnv("REPO_TOKEN")},
	})
	if step, ok := errors.AsType[*buildah.StepError](err); ok {
		fmt.Println(step.Features, "failed with", step.ExitCode, step.Tail)
	}
	if pre, ok := errors.AsType[*bootc.PreflightError](err); ok {
		for _, p := range pre.Problems {
			fmt.Println(p.What, p.Fix)
		}
	}
	switch {
	case errors.Is(err, buildah.ErrUntrusted):
	case errors.Is(err, buildah.ErrNoSpace):
	case errors.Is(err, context.Canceled):
	}
}

// The facts of a base, and a file of it.
func ExampleEngine_Inspect() {
	var eng *buildah.Engine
	base, err := eng.Inspect(context.Background(), "quay.io/centos-bootc/centos-bootc:stream10", bootc.BuildOptions{})
	if err != nil {
		log.Fatal(err)
	}
	passwd, err := base.ReadFile("/usr/lib/passwd")
	fmt.Println(base.Digest, base.Family, base.Kernel, len(passwd), err)
}

func ExampleEngine_Preflight() {
	var eng *buildah.Engine
	report, err := eng.Preflight(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, problem := range report {
		fmt.Println(problem)
	}
	if err := report.Err(); err != nil {
		log.Fatal(err)
	}
}

// The images in the engine's store.
func ExampleEngine_Store() {
	var eng *buildah.Engine
	store, err := eng.Store()
	if err != nil {
		log.Fatal(err)
	}
	images, err := store.Images()
	fmt.Println(len(images), err)
}

// An option of buildah that this package does not have.
func ExampleTune() {
	_ = buildah.Options{
		Root: "/var/lib/acme/images",
		Tune: func(o *define.BuildOptions) {
			o.CommonBuildOpts.AddHost = append(o.CommonBuildOpts.AddHost, "mirror.acme.example:10.0.0.5")
		},
	}
}

func ExampleStepError() {
	err := &buildah.StepError{
		Stage: 0, Step: 3, Features: []string{"Features[2].Packages"}, Instruction: "RUN dnf -y install tmuks",
		ExitCode: 1, Tail: []string{"Error: Unable to find a match: tmuks"},
	}
	fmt.Println(err)
	// Output:
	// stage 1, "RUN dnf -y install tmuks" (from Features[2].Packages): exit status 1
	// 	Error: Unable to find a match: tmuks
}

func ExampleReport_Err() {
	report := bootc.Preflight{
		{What: "/srv/run is not on a tmpfs", Why: "a build on a full disk cannot be tidied up without room there", Fix: "set Options.RunRoot"},
		{What: "no emulation of arm64", Why: "RUN steps for linux/arm64 execute its programs", Fix: "install qemu-user-static", Fatal: true},
	}
	fmt.Println(report.Err())
	// Output:
	// it cannot be built here:
	// 	no emulation of arm64: RUN steps for linux/arm64 execute its programs; install qemu-user-static
}
