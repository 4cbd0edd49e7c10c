package flightctl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// epel adds the repository EPEL, on the distributions that it is for. Its description and key come as a package, which
// must be there before the transaction that installs from it.
func epel(d *bootc.Draft) error {
	release, err := osRelease(d)
	if err != nil || !release.el {
		return err
	}
	packages := "epel-release"
	crb := "crb"
	switch {
	case release.id == "rhel": // has no package of it
		packages = fmt.Sprintf("https://dl.fedoraproject.org/pub/epel/epel-release-latest-%s.noarch.rpm", release.major)
		_, arch, _ := strings.Cut(d.Base().Platform, "/")
		crb = fmt.Sprintf("codeready-builder-for-rhel-%s-%s-rpms", release.major, rpmArch[arch])
	case release.id == "centos" && release.major == "9":
		packages += " epel-next-release"
	}
	if release.major == "10" {
		if strings.Contains(crb, "--") {
			return fmt.Errorf("%w: its architecture, which is in the id of the repository that EPEL builds upon; set Base.Platform, or compile with what an engine's Inspect returns", bootc.ErrUnknownFact)
		}
		err = d.Use("", bootc.Repo{ID: crb, Existing: true})
	}
	return errors.Join(err, d.Use("", bootc.Script{Name: "EPEL", Phase: "repos", Body: fmt.Sprintf(`dnf -y --setopt=skip_if_unavailable=False install %s
dnf clean all
rm -rf /var/cache/dnf/* /var/lib/dnf/* /var/log/dnf*.log* /var/log/hawkey.log*
`, packages)}))
}
