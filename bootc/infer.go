package bootc

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Infer completes what is not stated with what follows from the rest: OSRelease from Files or Labels, Family from
// OSRelease, Tool from Files or OSRelease, Kernel from Files, and what a well-known Ref stands for. What does not follow stays
// empty; the error is only for files that are there and cannot be read.
func (b Base) Infer() (Base, error) {
	var errs []error
	known := func(err error) {
		if err != nil && !errors.Is(err, ErrUnknownFact) {
			errs = append(errs, err)
		}
	}
	var err error
	b.OSRelease, err = b.osRelease()
	known(err)
	b.Family, err = b.family()
	known(err)
	b.Tool, err = b.tool()
	known(err)
	b.Kernel, err = b.kernel()
	known(err)
	return b, errors.Join(errs...)
}

// Family returns the family of the base, or ErrUnknownFact.
func (d *Draft) Family() (Family, error) { return d.base.family() }

// Tool returns the package tool of the base, or ErrUnknownFact.
func (d *Draft) Tool() (PackageTool, error) { return d.base.tool() }

// Kernel returns the version of the one kernel of the base, or ErrUnknownFact if nobody knows it, if there is none
// and if there are several.
func (d *Draft) Kernel() (string, error) { return d.base.kernel() }

func unknown(what, field string) error {
	return fmt.Errorf("%w: its %s; set Base.%s, or compile with what an engine's Inspect returns", ErrUnknownFact, what, field)
}

func (b Base) osRelease() (map[string]string, error) {
	if len(b.OSRelease) > 0 {
		return b.OSRelease, nil
	}
	if b.Files != nil {
		for _, name := range []string{"/etc/os-release", "/usr/lib/os-release"} {
			text, err := b.ReadFile(name)
			if err == nil {
				return ParseOSRelease(text), nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	// The bases of Fedora, CentOS Stream and RHEL say the same in labels. Their ostree.linux is no such fact: an image
	// built on one inherits the label, whatever kernel it has itself.
	if id := b.Labels["redhat.id"]; id != "" {
		out := map[string]string{"ID": id}
		if version := b.Labels["redhat.version-id"]; version != "" {
			out["VERSION_ID"] = version
		}
		return out, nil
	}
	if k, ok := WellKnown(b.Ref); ok {
		return k.OSRelease, nil
	}
	return nil, nil
}

var families = map[string]Family{
	"fedora": Fedora, "centos": Fedora, "rhel": Fedora, "rocky": Fedora, "almalinux": Fedora, "ol": Fedora, "amzn": Fedora,
	"debian": Debian, "ubuntu": Debian, "raspbian": Debian,
}

func (b Base) family() (Family, error) {
	if b.Family != "" {
		return b.Family, nil
	}
	release, err := b.osRelease()
	if err != nil {
		return "", err
	}
	for _, id := range append([]string{release["ID"]}, strings.Fields(release["ID_LIKE"])...) {
		if f, ok := families[id]; ok {
			return f, nil
		}
	}
	if id := release["ID"]; id != "" {
		return "", fmt.Errorf("%w (its os-release says %s)", unknown("family of distributions", "Family"), id)
	}
	return "", unknown("family of distributions", "Family")
}

func (b Base) tool() (PackageTool, error) {
	if b.Tool != "" {
		return b.Tool, nil
	}
	if b.Files != nil {
		return b.toolOfFiles()
	}
	release, err := b.osRelease()
	if err != nil {
		return "", err
	}
	if family, err := b.family(); err == nil {
		major, _ := strconv.Atoi(release["VERSION_ID"])
		switch {
		case family == Debian:
			return APT, nil
		case release["ID"] == "fedora" && major >= 41: // https://fedoraproject.org/wiki/Changes/SwitchToDnf5
			return DNF5, nil
		case release["ID"] == "fedora" && major > 0, slices.Contains([]string{"8", "9", "10"}, majorOf(release["VERSION_ID"])):
			return DNF4, nil
		}
	}
	return "", unknown("package tool", "Tool")
}

func majorOf(version string) string {
	major, _, _ := strings.Cut(version, ".")
	return major
}

// toolOfFiles asks first what "dnf" is, as that is the name that runs: it links to dnf5 where that took over.
func (b Base) toolOfFiles() (PackageTool, error) {
	for _, t := range []struct {
		name string
		tool PackageTool
	}{{"/usr/bin/dnf", DNF4}, {"/usr/bin/dnf5", DNF5}, {"/usr/bin/apt-get", APT}} {
		at, err := b.resolve(t.name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", err
		case path.Base(at) == "dnf5":
			return DNF5, nil
		}
		return t.tool, nil
	}
	return "", fmt.Errorf("%w (it has no /usr/bin/dnf, dnf5 or apt-get)", unknown("package tool", "Tool"))
}

func (b Base) kernel() (string, error) {
	if b.Kernel != "" {
		return b.Kernel, nil
	}
	if b.Files == nil {
		return "", unknown("kernel", "Kernel")
	}
	kernels, err := b.kernels()
	if err != nil {
		return "", err
	}
	switch len(kernels) {
	case 0:
		return "", fmt.Errorf("%w (it has no %s/*/vmlinuz)", unknown("kernel", "Kernel"), modulesDir)
	case 1:
		return kernels[0], nil
	}
	return "", fmt.Errorf("%w (it has the kernels %s, of which bootc supports one)", unknown("kernel", "Kernel"), list(kernels))
}

// modulesDir has a directory for each kernel, with the kernel itself as vmlinuz and its modules.
const modulesDir = "/usr/lib/modules"

// kernels are the versions of all kernels that the base has. Its Files are known.
func (b Base) kernels() ([]string, error) {
	dir, err := b.resolve(modulesDir)
	var dirs []fs.DirEntry
	if err == nil {
		dirs, err = fs.ReadDir(b.Files, dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []string
	for _, e := range dirs {
		ok, err := b.has(path.Join(modulesDir, e.Name(), "vmlinuz"))
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, e.Name())
		}
	}
	return out, nil
}
