package flightctl

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Source says where the agent's packages come from: one of its fields. The zero value is upstream's repository for the
// distribution of the base, https://rpm.flightctl.io.
type Source struct {
	// Repo is a repository: described in full, by the address of a .repo file (Repo.File), or one that the base has
	// (Repo.Existing).
	Repo *bootc.Repo `json:",omitzero"`
	// Product is a product of Red Hat whose repository has the agent; the base is RHEL. The repository is enabled for
	// the build alone, and by dnf, since subscription-manager refuses to enable any in a build.
	Product *Product `json:",omitzero"`
	// Files are the packages themselves: flightctl-agent, flightctl-selinux and, from 1.3 on, flightctl-greenboot. What
	// they require comes from the repositories of the base.
	Files []bootc.PackageFile `json:",omitzero"`
}

// Product is a product of Red Hat that has the agent.
type Product struct {
	// Name is "rhem" (Red Hat Edge Manager), "acm" (Advanced Cluster Management) or "aap" (Ansible Automation Platform).
	Name string
	// Version of the product, such as "1.3".
	Version string
}

// RepoFile takes the packages from the repository that the .repo file at an https address describes.
func RepoFile(id, url string) Source { return Source{Repo: &bootc.Repo{ID: id, File: url}} }

// RepoID takes the packages from a repository that the base has under this id, enabled for the build.
func RepoID(id string) Source { return Source{Repo: &bootc.Repo{ID: id, Existing: true}} }

// LocalRPMs installs these packages; see Source.Files.
func LocalRPMs(files ...bootc.PackageFile) Source { return Source{Files: files} }

// RHEM takes the packages of Red Hat Edge Manager, such as RHEM("1.3").
func RHEM(version string) Source { return Source{Product: &Product{"rhem", version}} }

// ACM takes the packages of Red Hat Advanced Cluster Management, such as ACM("2.13").
func ACM(version string) Source { return Source{Product: &Product{"acm", version}} }

// AAP takes the packages of Red Hat Ansible Automation Platform, such as AAP("2.6").
func AAP(version string) Source { return Source{Product: &Product{"aap", version}} }

// productRepos are the ids of the products' repositories: product version, RHEL's major release, architecture.
var productRepos = map[string]string{
	"rhem": "edge-manager-%s-for-rhel-%s-%s-rpms",
	"acm":  "rhacm-%s-for-rhel-%s-%s-rpms",
	"aap":  "ansible-automation-platform-%s-for-rhel-%s-%s-rpms",
}

var (
	productVersion = lazyregexp.New(`^[0-9]+\.[0-9]+$`)
	rpmArch        = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x"}
	agentFile      = lazyregexp.New(`^flightctl-agent-([0-9].*)-[^-]+\.[a-z0-9_]+\.rpm$`)
)

// repo adds the repository, if there is one to add.
func (s Source) repo(d *bootc.Draft) error {
	switch {
	case s.Repo != nil && s.Product != nil, s.Repo != nil && len(s.Files) > 0, s.Product != nil && len(s.Files) > 0:
		return bootc.Errorf("", "set one of Repo, Product and Files")
	case s.Repo != nil:
		return d.Use("Repo", *s.Repo)
	case s.Product != nil:
		return d.Use("Product", contribution(s.Product.repo))
	case len(s.Files) > 0:
		return nil
	}
	release, err := osRelease(d)
	if err != nil {
		return err
	}
	name := "flightctl-epel"
	if release.id == "fedora" {
		name = "flightctl-fedora"
	} else if !release.el {
		return bootc.Errorf("", "upstream has no repository for %s: say where the packages are", release)
	}
	return d.Use("", bootc.Repo{ID: name, File: "https://rpm.flightctl.io/" + name + ".repo"})
}

func (p Product) repo(d *bootc.Draft) error {
	var errs []error
	form, ok := productRepos[p.Name]
	if !ok {
		errs = append(errs, bootc.Errorf("Name", "%q is none of rhem, acm and aap", p.Name))
	}
	if !productVersion.MatchString(p.Version) {
		errs = append(errs, bootc.Errorf("Version", "%q is not the version of a product, such as 1.3", p.Version))
	}
	release, err := osRelease(d)
	if err == nil && release.id != "rhel" {
		err = bootc.Errorf("", "its repository is for RHEL, and the base is %s", release)
	}
	errs = append(errs, err)
	platform := d.Base().Platform
	_, rest, _ := strings.Cut(platform, "/")
	arch, known := rpmArch[rest]
	switch {
	case platform == "":
		errs = append(errs, fmt.Errorf("%w: its architecture, which is in the id of the repository; set Base.Platform, or compile with what an engine's Inspect returns", bootc.ErrUnknownFact))
	case !known:
		errs = append(errs, bootc.Errorf("", "has no packages for %s", platform))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return d.Use("", bootc.Repo{ID: fmt.Sprintf(form, p.Version, release.major, arch), Existing: true})
}

// version is what the file of the agent's package says, which must be the one that is asked for.
func (s Source) version(asked Version) (Version, error) {
	for i, f := range s.Files {
		m := agentFile.FindStringSubmatch(fileName(f))
		switch {
		case m == nil:
		case asked == "":
			return Version(m[1]), nil
		case !strings.HasPrefix(asked.rpm()+"-", m[1]+"-"):
			return asked, bootc.Errorf(fmt.Sprintf("Source.Files[%d]", i), "%s is not version %s", fileName(f), asked)
		}
	}
	return asked, nil
}

// missing names the packages that are wanted and not among the files.
func (s Source) missing(names []string) error {
	var errs []error
	for _, name := range names {
		found := false
		for _, f := range s.Files {
			rest, ok := strings.CutPrefix(fileName(f), name+"-")
			found = found || ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
		}
		if !found {
			errs = append(errs, bootc.Errorf("Source.Files", "lacks %s, whose file is %s-VERSION-RELEASE.ARCH.rpm", name, name))
		}
	}
	return errors.Join(errs...)
}

func fileName(f bootc.PackageFile) string {
	if f.Name != "" {
		return f.Name
	}
	return path.Base(f.URL)
}
