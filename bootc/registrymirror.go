package bootc

import (
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// RegistryMirror sends pulls of podman, bootc and skopeo on the machine elsewhere: to mirrors, which are asked in order
// before the registry itself, or to another registry. Source: containers-registries.conf(5). The file is in
// /etc/containers/registries.conf.d, as those programs read no such directory below /usr.
//
// Signatures are judged by the name that was asked for, never by the mirror's; they are read where the image is, which
// has to be named to sign.DevicePolicy too (Rule.Mirrors). An image that is asked for by the name of its copy is another
// matter: Rule.Identity.
type RegistryMirror struct {
	// Prefix says which images: a registry ("quay.io", "registry.example:5000"), a namespace or repository
	// ("quay.io/acme"), or "*.example.com" for all registries of a domain. The longest prefix counts.
	Prefix string
	// Mirrors are asked before the registry itself.
	Mirrors []Mirror `json:",omitzero"`
	// Location is where the images are instead of at Prefix, registry or registry/namespace. The zero value is Prefix.
	Location string `json:",omitzero"`
	// Blocked forbids pulls, for what a machine must never run.
	Blocked bool `json:",omitzero"`
	// InsecureSkipTLSVerify takes any certificate of Location, and plain HTTP.
	InsecureSkipTLSVerify bool `json:",omitzero"`
}

// Mirror is a copy of a registry, or of a part of one.
type Mirror struct {
	// Location stands in the place of the prefix: "mirror.example:5000/acme".
	Location string
	// Pull says which references the mirror is asked for: "all", "digest-only" or "tag-only"; the zero value is all. A tag
	// may mean another image at a mirror that is behind.
	Pull string `json:",omitzero"`
	// InsecureSkipTLSVerify takes any certificate of the mirror, and plain HTTP. RegistryTrust is the way for a private
	// CA.
	InsecureSkipTLSVerify bool `json:",omitzero"`
}

// registriesFile is the format of registries.conf.
type registriesFile struct {
	Registry []registryTable `toml:"registry"`
}

type registryTable struct {
	Prefix   string         `toml:"prefix"`
	Location string         `toml:"location,omitempty"`
	Insecure bool           `toml:"insecure,omitempty"`
	Blocked  bool           `toml:"blocked,omitempty"`
	Mirror   []registryCopy `toml:"mirror,omitempty"`
}

type registryCopy struct {
	Location string `toml:"location"`
	Insecure bool   `toml:"insecure,omitempty"`
	Pull     string `toml:"pull-from-mirror,omitempty"`
}

// Contribute writes the file.
func (r RegistryMirror) Contribute(d *Draft) error {
	domain, wild := strings.CutPrefix(r.Prefix, "*.")
	var errs []error
	if wild && (strings.ContainsAny(domain, "/:") || !registryHost.MatchString(domain)) {
		errs = append(errs, Errorf("Prefix", "%q is not *. and a domain", r.Prefix))
	} else if !wild {
		errs = append(errs, checkPlace("Prefix", r.Prefix))
	}
	t := registryTable{Prefix: r.Prefix, Location: r.Location, Insecure: r.InsecureSkipTLSVerify, Blocked: r.Blocked}
	if r.Location != "" {
		errs = append(errs, checkPlace("Location", r.Location))
	} else if !wild {
		t.Location = r.Prefix // which must not be missing
	}
	for i, m := range r.Mirrors {
		at := indexed("Mirrors", i)
		errs = append(errs, checkPlace(at+".Location", m.Location), oneOf(at+".Pull", []string{m.Pull}, []string{"all", "digest-only", "tag-only"}))
		if m.Location == t.Location && m.Location != "" {
			errs = append(errs, Errorf(at+".Location", "%s is the registry itself, which is asked last anyway", m.Location))
		}
		t.Mirror = append(t.Mirror, m.table())
	}
	switch {
	case r.Blocked && len(r.Mirrors) > 0:
		errs = append(errs, Errorf("Mirrors", "are not asked for what is Blocked"))
	case !r.Blocked && len(r.Mirrors) == 0 && r.Location == "" && !r.InsecureSkipTLSVerify:
		errs = append(errs, Errorf("", "there is nothing to do: set Mirrors, Location or Blocked"))
	}
	if err := join(errs); err != nil {
		return err
	}
	name := strings.NewReplacer("*", "all", "/", "-", ":", "-", "[", "", "]", "").Replace(r.Prefix)
	d.Put(PhaseFiles, regular("/etc/containers/registries.conf.d/50-bootloom-"+name+".conf", tomlText(registriesFile{[]registryTable{t}})))
	return nil
}

func (m Mirror) table() registryCopy {
	return registryCopy{m.Location, m.InsecureSkipTLSVerify, m.Pull}
}

var (
	registryHost = lazyregexp.New(`^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$`)
	registryPath = lazyregexp.New(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
)

// checkHost takes the name of a registry as it stands in references: host[:port].
func checkHost(field, host string) error {
	if !registryHost.MatchString(host) || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return Errorf(field, "%q is not the name of a registry, host[:port]", host)
	}
	return nil
}

// checkPlace takes a registry or a part of one, without tag and digest.
func checkPlace(field, place string) error {
	if strings.Contains(place, "://") {
		return Errorf(field, "%q is an address: leave out %s, and see InsecureSkipTLSVerify for plain HTTP", place, place[:strings.Index(place, "://")+3])
	}
	host, path, sub := strings.Cut(place, "/")
	if err := checkHost(field, host); err != nil {
		return err
	}
	if sub && !registryPath.MatchString(path) {
		return Errorf(field, "%q is not a registry, namespace or repository: registry.example:5000/team/app, without tag and digest", place)
	}
	return nil
}
