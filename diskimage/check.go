package diskimage

import (
	"errors"
	"runtime"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Check returns every mistake in the Spec that can be seen without the image, as *bootc.FieldError joined by errors.Join. The
// tool itself finds some of them late, in the middle of a build, and some never: it leaves out with a warning what the format
// does not have, and exits with 0.
func (s Spec) Check() error {
	errs := []error{s.Source.check("Source"), s.checkFollow()}
	if _, ok := formats[s.Format]; !ok {
		errs = append(errs, bootc.Errorf("Format", "%q is unknown: want one of %s", s.Format, formatNames()))
	}
	errs = append(errs, s.checkPlatform(), s.checkRoot())
	if !s.BuildRoot.isZero() {
		errs = append(errs, s.BuildRoot.check("BuildRoot"))
		if s.Format.iso() {
			errs = append(errs, bootc.Errorf("BuildRoot", "an installer is built in its own image: leave it empty"))
		}
	}
	for _, other := range []struct {
		field string
		Source
	}{{"BuildRoot", s.BuildRoot}, {"Installer.Image", s.Installer.Image}} {
		if !other.isZero() && (other.LiveHostStore != "") != (s.Source.LiveHostStore != "") {
			errs = append(errs, bootc.Errorf(other.field, "and Source must both be in the host's store, or neither: the tool reads one store"))
		}
		if other.Image.Location != "" {
			errs = append(errs, bootc.Errorf(other.field+".Image", "a local image can only be the Source: publish this one"))
		}
	}
	errs = append(errs, s.checkSupported()...)
	errs = append(errs, s.checkFilesystems()...)
	errs = append(errs, s.checkLayout()...)
	errs = append(errs, s.checkAccounts()...)
	errs = append(errs, s.checkFiles()...)
	errs = append(errs, s.checkBoot()...)
	errs = append(errs, s.checkInstaller()...)
	return errors.Join(errs...)
}

var (
	platform = lazyregexp.New(`^linux/[a-z0-9]+(/[a-z0-9]+)?$`)
	// toolArch are the architectures that the tool can build for.
	toolArch = []string{"amd64", "arm64", "ppc64le", "s390x", "riscv64"}
)

func (s Spec) checkPlatform() error {
	if s.Platform == "" {
		return nil
	}
	if !platform.MatchString(s.Platform) {
		return bootc.Errorf("Platform", "%q is not a platform: want linux/arch[/variant], such as linux/amd64", s.Platform)
	}
	if !slices.Contains(toolArch, s.arch()) {
		return bootc.Errorf("Platform", "%s is none that the tool builds for: linux/%s", s.Platform, strings.Join(toolArch, ", linux/"))
	}
	return nil
}

// arch is the architecture of the Platform, as Go names it.
func (s Spec) arch() string {
	part := strings.Split(s.Platform, "/")
	if len(part) < 2 {
		return runtime.GOARCH
	}
	return part[1]
}

func (s Spec) checkRoot() error {
	if s.RootFS == "" || slices.Contains([]string{"ext4", "xfs", "btrfs"}, s.RootFS) {
		return nil
	}
	return bootc.Errorf("RootFS", "%q is unknown: want ext4, xfs or btrfs", s.RootFS)
}

// settings tells which formats have what, the fields in their order in Spec. key is what the tool calls it when it leaves it out.
var settings = []struct {
	field, key string
	set        func(Spec) bool
	classes    []class
}{
	{"KernelArgs", "kernel", func(s Spec) bool { return len(s.KernelArgs) > 0 }, []class{disk, iso, pxe}},
	{"NoDefaultKernelArgs", "", func(s Spec) bool { return s.NoDefaultKernelArgs }, []class{disk}},
	{"Filesystems", "filesystem", func(s Spec) bool { return len(s.Filesystems) > 0 }, []class{disk}},
	{"Layout", "disk", func(s Spec) bool { return !s.Layout.isZero() }, []class{disk}},
	{"Users", "user", func(s Spec) bool { return len(s.Users) > 0 }, []class{disk, iso, pxe}},
	{"Groups", "group", func(s Spec) bool { return len(s.Groups) > 0 }, []class{disk, iso, pxe}},
	{"Files", "files", func(s Spec) bool { return len(s.Files) > 0 }, []class{disk, pxe}},
	{"Directories", "directories", func(s Spec) bool { return len(s.Directories) > 0 }, []class{disk, pxe}},
	{"Ignition", "ignition", func(s Spec) bool { return !s.Ignition.isZero() }, []class{disk}},
	{"Bootloader", "bootloader", func(s Spec) bool { return !s.Bootloader.isZero() }, []class{disk}},
	{"Installer.FIPS", "fips", func(s Spec) bool { return s.Installer.FIPS }, []class{iso}},
	{"Installer", "installer", func(s Spec) bool { i := s.Installer; i.FIPS, i.Image = false, Source{}; return !i.isZero() }, []class{iso}},
}

func (s Spec) checkSupported() []error {
	c := formats[s.Format].class
	if c == "" {
		return nil
	}
	var errs []error
	for _, x := range settings {
		if !x.set(s) || slices.Contains(x.classes, c) {
			continue
		}
		var names []string
		for _, k := range x.classes {
			names = append(names, string(k))
		}
		errs = append(errs, bootc.Errorf(x.field, "%s (%s) does not have this, only %s", c, s.Format, strings.Join(names, " and ")))
	}
	return errs
}
