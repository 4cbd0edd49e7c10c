package bootc

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// KernelHeaders says where Drivers find what they are built with. Without it that is a package of the repositories that
// the base and the Spec's Repos have: kernel-devel (dnf) or linux-headers-VERSION (apt), of exactly the version of the
// image's kernel. Repositories drop a version soon after they have a newer one; a base that is older than that needs
// this feature.
type KernelHeaders struct {
	// Files are the packages with the headers. What they depend on, and the compiler, come from the repositories.
	Files []PackageFile `json:",omitzero"`
	// From is an image in a registry, or a Stage, that has headers and compiler: nothing is installed. The headers are
	// in /usr/lib/modules/VERSION/build, /usr/src/kernels/VERSION or /usr/src/linux-headers-VERSION.
	From string `json:",omitzero"`
}

// Contribute leaves the headers for the build stages.
func (h KernelHeaders) Contribute(d *Draft) error {
	tool, err := d.Tool()
	if err != nil {
		return err
	}
	var errs []error
	if (len(h.Files) == 0) == (h.From == "") {
		errs = append(errs, Errorf("", "set Files or From"))
	}
	for i, f := range h.Files {
		errs = append(errs, within(indexed("Files", i), f.check(tool))...)
	}
	if len(d.headers) > 0 {
		errs = append(errs, Errorf("", "%s says where the headers are as well", d.headers[0].features[0]))
	}
	if err := join(errs); err != nil {
		return err
	}
	d.headers = append(d.headers, intend(d, h))
	return nil
}

// The build stages, and their places. buildDir has "build", a link to the headers, "kernel" with the kernel's version, and
// in the stage of a driver its source and what is made of it.
const (
	stageHeaders     = "bootloom-headers"
	stageHeaderFiles = "bootloom-header-files"
	headerFilesDir   = "/run/" + stageHeaderFiles
	buildDir         = "/bootloom"
)

// headersStage adds the stage that all drivers start from, for the kernel of that version; empty is that of the base.
func (d *Draft) headersStage(kernel string, features []string) []error {
	tool, err := d.Tool()
	if err != nil {
		return within(features[0], err)
	}
	stage := draftedStage{drafted: drafted[containerfile.Stage]{containerfile.Stage{Name: stageHeaders, From: d.base.From()}, features}}
	var h KernelHeaders
	if len(d.headers) > 0 {
		h = d.headers[0].value
		stage.features = union(slices.Clone(features), d.headers[0].features)
	}
	find := []string{"set -eu", "k=" + words([]string{kernel})}
	if kernel == "" {
		if h.From != "" {
			return within(d.headers[0].features[0]+".From", unknown("kernel", "Kernel"))
		}
		find = append([]string{"set -eu"}, oneKernel("")...)
	}
	if h.From != "" {
		if stage.value.From, err = d.stageFrom(h.From); err != nil {
			return within(d.headers[0].features[0]+".From", err)
		}
		stage.value.Steps = []containerfile.Step{containerfile.Script(strings.Join(slices.Concat(find, linkHeaders), "\n") + "\n")}
		d.stages = append(d.stages, stage)
		return nil
	}
	// As in the image: the repositories, and the certificates of mirrors.
	stage.entries = slices.Clone(d.entries[PhaseRepos])
	for _, s := range d.steps[PhaseRepos] {
		stage.value.Steps = append(stage.value.Steps, s.value)
	}
	headers, tools := `"kernel-devel-uname-r = $k"`, "gcc make elfutils-libelf-devel xz zstd kmod" // every variant of the kernel provides it
	if tool == APT {
		headers, tools = `"linux-headers-$k"`, "gcc make xz-utils zstd kmod"
	}
	if len(h.Files) > 0 {
		d.stages = append(d.stages, packageStage(stageHeaderFiles, h.Files, stage.features))
		var files []string
		for _, f := range h.Files {
			files = append(files, headerFilesDir+"/"+f.file())
		}
		headers = words(files)
	}
	run := d.installStep(tool, find, headers+" "+tools, "the headers of the kernel $k cannot be installed: where the repositories have a newer kernel only, "+
		"update the base, or give the headers with KernelHeaders", linkHeaders)
	if len(h.Files) > 0 {
		run.Mounts = append(run.Mounts, containerfile.Mount{Type: "bind", From: stageHeaderFiles, Source: "/", Target: headerFilesDir})
	}
	stage.value.Steps = append(stage.value.Steps, run)
	d.stages = append(d.stages, stage)
	return nil
}

// linkHeaders are the lines that leave the headers of kernel $k where the stages of drivers look for them. Makefiles ask
// uname for the kernel to build for, and would get that of the machine that builds.
var linkHeaders = []string{
	"mkdir -p " + buildDir + "/bin",
	`echo "$k" >` + buildDir + "/kernel",
	"for d in /usr/lib/modules/$k/build /usr/src/kernels/$k /usr/src/linux-headers-$k; do",
	`  if [ -e "$d/Makefile" ]; then ln -sfn "$d" ` + buildDir + "/build; fi",
	"done",
	"if [ ! -e " + buildDir + "/build ]; then",
	`  echo "there are no headers of the kernel $k here: give them with KernelHeaders" >&2`,
	"  exit 1",
	"fi",
	`printf '#!/bin/sh\nif [ "$*" = -r ]; then exec cat ` + buildDir + `/kernel; fi\nexec /usr/bin/uname "$@"\n' >` + buildDir + "/bin/uname",
	"chmod 0755 " + buildDir + "/bin/uname",
}

// installStep installs packages, given as words for the shell, in a build stage, where nobody cleans up. Lines come before
// and after it; what it says if it fails may be empty.
func (d *Draft) installStep(tool PackageTool, first []string, packages, failure string, last []string) containerfile.Run {
	with, _ := d.packageAccess()
	lines := slices.Concat(first, with.before)
	install := dnfCommand(tool) + " --setopt=install_weak_deps=False" + with.options
	if tool == APT {
		lines = append(lines, "export DEBIAN_FRONTEND=noninteractive", "apt-get -y -o APT::Update::Error-Mode=any update")
		install = "apt-get -y --no-install-recommends"
	}
	for _, r := range d.repos {
		if r.value.Existing {
			install += " --enablerepo=" + r.value.ID
		}
	}
	install += " install " + packages
	if failure != "" {
		install = "if ! " + install + "; then\n  echo \"" + failure + "\" >&2\n  exit 1\nfi"
	}
	run := containerfile.Script(strings.Join(slices.Concat(lines, []string{install}, with.after, last), "\n") + "\n")
	run.Mounts = with.mounts
	return run
}
