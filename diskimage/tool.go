package diskimage

import (
	"cmp"
	"strings"

	"github.com/distribution/reference"

	"github.com/bootloom/bootloom/bootc"
)

// Tool is the program that makes disks: one Go program of osbuild's with two faces, in a container or installed.
type Tool struct {
	// Name is the face; the zero value is BootcImageBuilder.
	Name ToolName `json:",omitzero"`
	// Image is the container that has it, for runners of containers. The zero value is DefaultImage for
	// BootcImageBuilder; ImageBuilder needs one, such as ghcr.io/osbuild/image-builder-cli@sha256:….
	Image string `json:",omitzero"`
}

// ToolName is a face of the tool.
type ToolName string

// The faces of the tool. Both are found in today's https://github.com/osbuild/image-builder.
const (
	// BootcImageBuilder is the older one, which documentation and Flight Control use. It makes every Format.
	BootcImageBuilder ToolName = "bootc-image-builder"
	// ImageBuilder is the newer one. It has no AnacondaISO, and it alone can do without the default kernel arguments.
	ImageBuilder ToolName = "image-builder"
)

// DefaultImage is the container of BootcImageBuilder that Flight Control builds with (its internal/config/config.go), by digest:
// the tag latest has changed its interface more than once.
const DefaultImage = "quay.io/centos-bootc/bootc-image-builder@sha256:773019f6b11766ca48170a4a7bf898be4268f3c2acfd0ec1db612408b3092a90"

func (t Tool) name() ToolName {
	if t.Name == "" {
		return BootcImageBuilder
	}
	return t.Name
}

func (t Tool) image() string {
	if t.Image == "" && t.name() == BootcImageBuilder {
		return DefaultImage
	}
	return t.Image
}

// check finds what this tool cannot do for s.
func (t Tool) check(s Spec) []error {
	var errs []error
	switch t.name() {
	case BootcImageBuilder:
		if s.NoDefaultKernelArgs {
			errs = append(errs, bootc.Errorf("NoDefaultKernelArgs", "%s cannot: use Tool{Name: ImageBuilder, …}", BootcImageBuilder))
		}
	case ImageBuilder:
		if s.Format == AnacondaISO {
			errs = append(errs, bootc.Errorf("Format", "%s does not make %s: use %s, or the format %s", ImageBuilder, AnacondaISO, BootcImageBuilder, InstallerISO))
		}
	default:
		errs = append(errs, bootc.Errorf("BuildOptions.Tool.Name", "%q is unknown: want %s or %s", t.Name, BootcImageBuilder, ImageBuilder))
	}
	if t.Image != "" {
		if _, err := reference.ParseNormalizedNamed(t.Image); err != nil || strings.Contains(t.Image, "://") {
			errs = append(errs, bootc.Errorf("BuildOptions.Tool.Image", "%q is no reference of a container image", t.Image))
		}
	}
	return errs
}

func errNoToolImage(j Job) error {
	return bootc.Errorf("BuildOptions.Tool.Image", "is empty: name the container image that has %s", j.Tool.name())
}

// bibConfig is where BootcImageBuilder looks without being told.
const bibConfig = "/config.json"

// toolArchs are the names that the tool has for Go's architectures.
var toolArchs = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// invocation is what the tool is to do.
type invocation struct {
	spec               Spec // with its Platform
	image              string
	payload, buildRoot string // images too; empty for none
	config             bool   // there is a configuration
	manifest           bool   // and nothing else is wanted
}

// args is the command line of the tool, without its name.
func (t Tool) args(i invocation, at Paths) []string {
	var a arguments
	if t.name() == ImageBuilder {
		a.imageBuilder(i, at)
	} else {
		a.bootcImageBuilder(i, at)
	}
	return a
}

type arguments []string

// flag adds a flag that has a value.
func (a *arguments) flag(name, value string) {
	if value != "" {
		*a = append(*a, name, value)
	}
}

func (i invocation) verb() string {
	if i.manifest {
		return "manifest"
	}
	return "build"
}

func (a *arguments) bootcImageBuilder(i invocation, at Paths) {
	*a = append(*a, i.verb(), "--type", string(i.spec.Format), "--target-arch", i.spec.arch())
	a.flag("--rootfs", i.spec.RootFS)
	a.flag("--installer-payload-ref", i.payload)
	a.flag("--build-container", i.buildRoot)
	if i.config && at.Config != bibConfig {
		a.flag("--config", at.Config)
	}
	if !i.manifest {
		*a = append(*a, "--progress", "debug", "--store", at.Store, "--output", at.Output)
	}
	*a = append(*a, i.image)
}

func (a *arguments) imageBuilder(i invocation, at Paths) {
	*a = append(*a, i.verb(), string(i.spec.Format), "--bootc-ref", i.image)
	a.flag("--bootc-installer-payload-ref", i.payload)
	a.flag("--bootc-build-ref", i.buildRoot)
	a.flag("--bootc-default-fs", i.spec.RootFS)
	a.flag("--arch", cmp.Or(toolArchs[i.spec.arch()], i.spec.arch()))
	if i.spec.NoDefaultKernelArgs {
		*a = append(*a, "--bootc-no-default-kernel-args")
	}
	if i.config {
		a.flag("--blueprint", at.Config)
	}
	// A warning says that a setting was left out. It is an error for us too, but not for Filesystems, which is applied and
	// warned of all the same.
	*a = append(*a, "--ignore-warnings")
	if !i.manifest {
		*a = append(*a, "--progress", "debug", "--cache", at.Store, "--output-dir", at.Output, "--output-name", "disk")
	}
}
