package diskimage

import (
	"fmt"
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

// bibConfig is where BootcImageBuilder looks without being told.
const bibConfig = "/config.json"

// toolArchs are the names that the tool has for Go's architectures.
var toolArchs = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// args is the command line of the tool, without its name.
func (t Tool) args(verb string, s Spec, ref, payload, buildRoot string, config bool, at Paths) []string {
	build := verb == "build"
	var a []string
	add := func(flag, value string) {
		if value != "" {
			a = append(a, flag, value)
		}
	}
	if t.name() == ImageBuilder {
		a = append(a, verb, string(s.Format), "--bootc-ref", ref)
		add("--bootc-installer-payload-ref", payload)
		add("--bootc-build-ref", buildRoot)
		add("--bootc-default-fs", s.RootFS)
		arch := s.arch()
		if name, ok := toolArchs[arch]; ok {
			arch = name
		}
		add("--arch", arch)
		if s.NoDefaultKernelArgs {
			a = append(a, "--bootc-no-default-kernel-args")
		}
		if config {
			add("--blueprint", at.Config)
		}
		// A warning says that a setting was left out. It is an error for us too, but not for Filesystems, which is applied and
		// warned of all the same.
		a = append(a, "--ignore-warnings")
		if build {
			a = append(a, "--progress", "debug", "--cache", at.Store, "--output-dir", at.Output, "--output-name", "disk")
		}
		return a
	}
	a = append(a, verb, "--type", string(s.Format))
	add("--target-arch", s.arch())
	add("--rootfs", s.RootFS)
	add("--installer-payload-ref", payload)
	add("--build-container", buildRoot)
	if config && at.Config != bibConfig {
		add("--config", at.Config)
	}
	if build {
		a = append(a, "--progress", "debug", "--store", at.Store, "--output", at.Output)
	}
	return append(a, ref)
}

func (t Tool) String() string { return fmt.Sprintf("%s (%s)", t.name(), t.image()) }
