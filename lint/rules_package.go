package lint

import (
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// packageRules are about what an image starts from, and what package tools do to it.
var packageRules = []Rule{
	{
		ID: "BL802", Slug: "base-not-bootc", Severity: Error, Stages: InSpec | InContainerfile,
		Title: "a base that cannot be booted",
		Rationale: `Images for containers have no kernel, no boot loader and no bootc; what is added to one of them is another container. A bootable image starts from a
bootable base, or brings a whole root file system of its own. Where the Containerfile sets the label containers.bootc itself, or installs a
kernel, its author knows, and nothing is said.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- Containerfile --
FROM registry.access.redhat.com/ubi9/ubi:9.6
RUN dnf -y install tmux
`,
		Good: `
-- Containerfile --
FROM registry.access.redhat.com/ubi9/ubi:9.6 AS build
RUN make
FROM quay.io/centos-bootc/centos-bootc:stream10
COPY --from=build /out /usr
`,
		Check: notBootable,
	},
	{
		ID: "BL803", Slug: "dnf-flags", Aliases: []string{"DL3038", "DL3014"}, Severity: Warning, Stages: InSpec | InContainerfile,
		Title:     "a package tool that asks before it does anything",
		Rationale: `Without -y the tool asks whether it shall go on, gets no answer in a build, and stops; or the build hangs, if somebody's terminal is attached.`,
		URL:       "https://github.com/hadolint/hadolint/wiki/DL3038",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf install tmux && dnf clean all
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -q -y install tmux && dnf clean all && microdnf install --assumeyes htop && apt-get -qq install nano && yes | dnf remove tmux && dnf list
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				verb := packageVerb(c)
				if verb == "" || c.Is("rpm", "dpkg", "apk", "rpm-ostree", "pkcon") || c.Reads != nil && c.Reads.Is("yes", "echo", "printf") {
					continue
				}
				answered, flag := c.Has("-y", "--yes", "--assumeyes", "--assume-yes", "-qq"), "-y"
				if c.Is("zypper") {
					answered, flag = answered || c.Has("-n", "--non-interactive"), "--non-interactive"
				}
				if set, _ := c.Value("--setopt"); strings.HasPrefix(set.Text, "assumeyes") {
					answered = true
				}
				if !answered {
					found(c.Finding("%s %s asks whether it shall go on, and a build gives no answer", c.Name, verb).Showing(c.Text).Fixed("%s %s %s …", c.Name, flag, verb))
				}
			}
		},
	},
	{
		ID: "BL808", Slug: "os-upgrade-in-derived", Aliases: []string{"DL3005", "DL3031", "DL3039"}, Severity: Warning, Stages: InSpec | InContainerfile,
		Title: "an update of the whole system in a build",
		Rationale: `It gives another image each day, puts most of the base once more into a layer that every device downloads, and may bring a second kernel,
with which the image does not install, or a kernel whose initramfs nobody makes. A newer base has all of it, tested together.`,
		URL: "https://bootc.dev/bootc/building/guidance.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y upgrade && dnf -y install tmux
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN dnf -y upgrade openssl-libs && apt-get update && dnf -y --exclude='kernel*' upgrade
`,
		Check: func(f *Facts, found func(Finding)) {
			for c := range f.Commands() {
				verb := packageVerb(c)
				if !slices.Contains(wholeUpgrades, verb) {
					continue
				}
				flags := dnfFlags
				if strings.HasPrefix(c.Name, "apt") {
					flags = aptFlags
				}
				exclude, _ := c.Value("-x", "--exclude")
				if len(c.Operands(flags...)) > 1 || strings.HasPrefix(exclude.Text, "kernel") || c.Is("zypper") && verb == "patch" {
					continue
				}
				found(c.Finding("%s %s brings what is newest on the day of the build, perhaps a second kernel", c.Name, verb).Showing(c.Text).
					Fixed("start from a newer base; for a single fix name the package: %s -y %s openssl-libs", c.Name, verb))
			}
		},
	},
}

// wholeUpgrades are verbs of package tools that are about all packages if none is named.
var wholeUpgrades = strings.Fields("update upgrade full-upgrade dist-upgrade distro-sync dup up patch offline-upgrade upgrade-minimal")

// containerBases are the last elements of the names of bases for containers.
var containerBases = lazyregexp.New(`^(?:ubi[0-9]*(?:-minimal|-micro|-init)?|alpine|amazonlinux|archlinux|busybox|debian|ubuntu|fedora|fedora-minimal|centos|almalinux|rockylinux|oraclelinux|leap|tumbleweed|bci-base|photon|wolfi-base)$`)

func notBootable(f *Facts, found func(Finding)) {
	if f.Build == nil {
		return
	}
	var from *Step
	for _, s := range f.Build.Steps {
		if s.Step != nil || !s.InImage {
			continue
		}
		if _, isStage := f.Build.File.Lookup(s.Stage().From, s.Index.Stage); !isStage {
			from = s
		}
	}
	if from == nil {
		return
	}
	if label, ok := f.Config.Labels["containers.bootc"]; ok && label.Step != nil {
		return
	}
	if f.Plan != nil && f.Plan.Base.Labels != nil { // it is known
		if label := f.Plan.Base.Labels; label["containers.bootc"] == "" && label["ostree.bootable"] == "" {
			found(from.Finding("the base has neither the label containers.bootc nor ostree.bootable: it is no bootable image").Fixed("start FROM a bootable base, such as quay.io/centos-bootc/centos-bootc:stream10"))
		}
		return
	}
	for c := range f.Commands() {
		if kernelPackage(c) != "" || packageVerb(c) != "" && strings.Contains(c.Text, "linux-image") {
			return
		}
	}
	ref, known := from.Expand(from.Stage().From)
	name, _, _ := strings.Cut(ref, "@")
	name = path.Base(name)
	name, _, _ = strings.Cut(name, ":")
	switch {
	case !known:
	case ref == "scratch":
		if !slices.ContainsFunc(f.Build.Steps, bringsRoot) {
			found(from.Finding("the image has only what is copied into it, and no COPY or ADD brings a root file system").Fixed("COPY --from=STAGE / / brings one; or start FROM a bootable base"))
		}
	case containerBases.MatchString(name):
		found(from.Finding("%s is a base for containers: it has no kernel and no bootc", ref).Unsure(Likely).Fixed("start FROM a bootable base, such as quay.io/centos-bootc/centos-bootc:stream10"))
	}
}

// bringsRoot says whether a step of the image copies or unpacks something at /.
func bringsRoot(s *Step) bool {
	dest := ""
	switch step := s.Step.(type) {
	case containerfile.Copy:
		dest = step.Dest
	case containerfile.Add:
		dest = step.Dest
	}
	dest, known := s.Expand(dest)
	return s.InImage && dest != "" && (!known || path.Clean("/"+dest) == "/")
}
