package bootc

import (
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

var wellKnown = []struct {
	repository *lazyregexp.Regexp
	tag        *lazyregexp.Regexp // its first group is VERSION_ID
	id, like   string
}{
	{lazyregexp.New(`^quay\.io/centos-bootc/centos-bootc$`), lazyregexp.New(`^stream(9|10)$`), "centos", "rhel fedora"},
	{lazyregexp.New(`^quay\.io/fedora/fedora-bootc$`), lazyregexp.New(`^(\d\d)$`), "fedora", ""},
	{lazyregexp.New(`^registry\.redhat\.io/rhel9/rhel-bootc$`), lazyregexp.New(`^(9\.\d+)(-\d+)?$`), "rhel", "fedora"},
	{lazyregexp.New(`^registry\.redhat\.io/rhel10/rhel-bootc$`), lazyregexp.New(`^(10\.\d+)(-\d+)?$`), "rhel", "centos fedora"},
}

// WellKnown returns the facts that the name of a base image stands for: those of
// quay.io/centos-bootc/centos-bootc:stream9 and :stream10, quay.io/fedora/fedora-bootc:NN, and
// registry.redhat.io/rhel9/rhel-bootc and rhel10/rhel-bootc. Tags that name no release (latest, rawhide) are not
// among them, except for RHEL, whose repositories have one major release each. A digest in ref is left aside.
func WellKnown(ref string) (Base, bool) {
	transport, name := splitRef(ref)
	if transport != "docker" {
		return Base{}, false
	}
	name, _, _ = strings.Cut(name, "@")
	repo := repository(name)
	tag := strings.TrimPrefix(strings.TrimPrefix(name, repo), ":")
	for _, k := range wellKnown {
		if !k.repository.MatchString(repo) {
			continue
		}
		version := ""
		if m := k.tag.FindStringSubmatch(tag); m != nil {
			version = m[1]
		} else if k.id == "rhel" {
			version = strings.TrimSuffix(strings.TrimPrefix(repo, "registry.redhat.io/rhel"), "/rhel-bootc")
		} else {
			return Base{}, false
		}
		b := Base{
			Ref:       ref,
			Labels:    map[string]string{"containers.bootc": "1", "ostree.bootable": "1"},
			OSRelease: map[string]string{"ID": k.id, "VERSION_ID": version},
			Family:    Fedora,
			Tool:      DNF4,
		}
		if k.like != "" {
			b.OSRelease["ID_LIKE"] = k.like
		}
		if major, _ := strconv.Atoi(version); k.id == "fedora" && major >= 41 {
			b.Tool = DNF5
		}
		return b, true
	}
	return Base{}, false
}
