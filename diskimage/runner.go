package diskimage

import (
	"context"
	"io"
	"path/filepath"
	"strconv"

	"github.com/bootloom/bootloom/bootc"
)

// Runner is a place where the tool can run: Podman (its command on this machine), Node (podman's REST API, here or elsewhere),
// Chroot (the container on this machine, without podman), Host (the tool installed on this machine), or a type of the caller.
type Runner interface {
	// Preflight finds what the place lacks for the job before anything is fetched. The error is for places that cannot be asked.
	Preflight(ctx context.Context, j Job) (bootc.Preflight, error)
	// Run does the steps of the job, one after the other, in one and the same container store. It returns when all is over: nothing
	// of it runs on when ctx ends. The error is an *ExitError if a step ended with a status that is not 0; the next one is
	// not done then. What the tool has put into Paths.Output is in j.Dir/output when the error is nil.
	Run(ctx context.Context, j Job) error
}

// Job is one run of the tool.
type Job struct {
	// Name is unique, and fit for the name of a container.
	Name string
	Tool Tool
	// Platform that the tool builds for, as os/arch[/variant].
	Platform string
	// Dir is a private directory on this machine. In it are "config.json" if Config says so, and "images", an OCI layout of the
	// images; an empty "output" waits for the result. The rest is the Runner's. It is removed after the run.
	Dir    string
	Config bool
	// Images are what the container store must have before the tool starts, by name; image i is "i" in the layout.
	Images []string
	// LiveHostStore gives the tool the store of the place, and not one of its own.
	LiveHostStore bool
	// Network says that the tool needs one.
	Network bool
	// Manifest says that no disk is wanted, only what osbuild would be told to do, on standard output.
	Manifest bool
	// Need is how much room the work takes, as an estimate; 0 if nobody wants to know.
	Need Size
	// Stdout takes what the tool itself prints to standard output; nil sends it to Line.
	Stdout io.Writer
	// Line is told each line of output, and OnEvent what else happens. Calls are not to overlap.
	Line    func(string)
	OnEvent func(bootc.Event)

	args func(at Paths) []string
}

// Step is one program of a job.
type Step struct {
	// Program is the Tool's name, or skopeo, which comes with the tool.
	Program string
	Args    []string
	// Stdout as in Job.
	Stdout io.Writer
}

// Paths are where the programs of a job find what they work with.
type Paths struct {
	// Config is Job.Dir/config.json, and Images the layout.
	Config, Images string
	// Output is an empty directory for the disk, and Store one for what the tool needs meanwhile.
	Output, Store string
}

// inContainer are the paths that the tool's documentation has.
var inContainer = Paths{Config: bibConfig, Images: "/images", Output: "/output", Store: "/store"}

// storage is where the tool looks for the container store. It knows no other place.
const storage = "/var/lib/containers/storage"

// Steps are the programs of the job: the tool tells its version, skopeo brings the images into the store, the tool does its work.
// The store is made by the programs that then read it: podman of another version might not read what one here has written.
func (j Job) Steps(at Paths) []Step {
	name := string(j.Tool.name())
	steps := []Step{{Program: name, Args: []string{"version"}}}
	for i, image := range j.Images {
		steps = append(steps, Step{Program: "skopeo", Args: []string{
			"--insecure-policy", "copy", "--quiet", "oci:" + at.Images + ":" + strconv.Itoa(i), "containers-storage:" + image,
		}})
	}
	return append(steps, Step{Program: name, Args: j.args(at), Stdout: j.Stdout})
}

// at is a path in Dir.
func (j Job) at(name string) string { return filepath.Join(j.Dir, name) }
