package sign

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Rule says what a device accepts from a part of a registry.
type Rule struct {
	// Name of the files that the rule needs, NAME.pub and NAME.yaml: letters, digits, ".", "_" and "-". Empty for the
	// first scope with "-" for "/", ":" and "*", such as quay.io-acme-os.
	Name string `json:",omitzero"`
	// Scopes the rule is for: a registry ("quay.io", "registry.example:5000"), a namespace ("quay.io/acme") or a
	// repository ("quay.io/acme/os"), which cover what is below them; or "*.example.com" for all registries of a
	// domain. Docker Hub is "docker.io", its official images "docker.io/library". The narrowest scope wins.
	Scopes []string `json:",omitzero"`
	// Mirrors are places that the device's registries.conf sends pulls from Scopes to. Signatures are read from where
	// the image is, so the device must look for them there too; what is accepted is still decided by Scopes.
	Mirrors []string `json:",omitzero"`
	// Keys are public keys in PEM, as Key.Public returns them; an image signed by any one of them is accepted. For a
	// rotation, ship the new key beside the old one first, and sign with it later. More than one key needs clients that
	// know "keyPaths": podman 5.4 and skopeo 1.18 do; skopeo 1.9 stops at an unknown key, and then pulls nothing at all.
	Keys []string `json:",omitzero"`
	// Identity says which signed names do for an image; the zero value accepts any tag of the repository.
	Identity Identity `json:",omitzero"`
	// InsecureAcceptAnything accepts everything in Scopes, signed or not; Keys must be empty.
	InsecureAcceptAnything bool `json:",omitzero"`
	// ReplaceBase lets the rule take the place of one that the base has for the same scope, and its files that of
	// files of the base. Without it such a base is refused.
	ReplaceBase bool `json:",omitzero"`
}

// Identity says which of the names in signatures stand for the image that is pulled. The zero value is
// matchRepository: the signature must be for the same repository, under any tag, which is what an image that is
// promoted from tag to tag, or pulled by digest, needs.
type Identity struct {
	// Exact wants the very tag that is pulled (matchRepoDigestOrExact); a pull by digest wants only the repository. It
	// keeps an old image from being served under a newer tag, and fails for images that got a tag after they were signed.
	Exact bool `json:",omitzero"`
	// Prefix and SignedPrefix are for copies under another name: what is pulled from Prefix must be signed as if it were
	// below SignedPrefix (remapIdentity), with the same tag, or pulled by digest. Both or none.
	Prefix       string `json:",omitzero"`
	SignedPrefix string `json:",omitzero"`

	reference string // the one name that does, repository:tag
}

func (i Identity) json() *signedIdentity {
	switch {
	case i.reference != "":
		return &signedIdentity{Type: "exactReference", DockerReference: i.reference}
	case i.Prefix != "":
		return &signedIdentity{Type: "remapIdentity", Prefix: i.Prefix, SignedPrefix: i.SignedPrefix}
	case i.Exact:
		return &signedIdentity{Type: "matchRepoDigestOrExact"}
	}
	return &signedIdentity{Type: "matchRepository"}
}

const keyDir = "etc/pki/containers"

var validName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (r Rule) name() string {
	if r.Name != "" || len(r.Scopes) == 0 {
		return r.Name
	}
	return strings.Trim(strings.NewReplacer("/", "-", ":", "-", "*", "-").Replace(r.Scopes[0]), "-.")
}

// keyPath is where the key with index i goes, relative to the root.
func (r Rule) keyPath(i int) string {
	if i == 0 {
		return path.Join(keyDir, r.name()+".pub")
	}
	return path.Join(keyDir, fmt.Sprintf("%s-%d.pub", r.name(), i+1))
}

// requirements is the rule as policy.json has it.
func (r Rule) requirements() []json.RawMessage {
	if r.InsecureAcceptAnything {
		return accept
	}
	q := requirement{Type: typeSigned, SignedIdentity: r.Identity.json()}
	for i := range r.Keys {
		q.KeyPaths = append(q.KeyPaths, "/"+r.keyPath(i))
	}
	if len(q.KeyPaths) == 1 { // the older form, which every client with sigstore support knows
		q.KeyPath, q.KeyPaths = q.KeyPaths[0], nil
	}
	return requirements(q)
}

// validate returns a FieldError for each mistake, with paths relative to the rule.
func (r Rule) validate() (errs []error) {
	if len(r.Scopes) == 0 {
		errs = append(errs, bootc.Errorf("Scopes", "is empty: name a registry, namespace or repository"))
	}
	for i, s := range r.Scopes {
		if err := checkScope(s); err != nil {
			errs = append(errs, bootc.Errorf(fmt.Sprintf("Scopes[%d]", i), "%w", err))
		}
	}
	for i, s := range r.Mirrors {
		if err := checkScope(s); err != nil {
			errs = append(errs, bootc.Errorf(fmt.Sprintf("Mirrors[%d]", i), "%w", err))
		}
	}
	if r.Name != "" && !validName.MatchString(r.Name) {
		errs = append(errs, bootc.Errorf("Name", "%q names files: use letters, digits, '.', '_' and '-'", r.Name))
	}
	switch {
	case r.InsecureAcceptAnything && len(r.Keys) > 0:
		errs = append(errs, bootc.Errorf("InsecureAcceptAnything", "contradicts Keys: a device would never look at them"))
	case r.InsecureAcceptAnything && len(r.Mirrors) > 0:
		errs = append(errs, bootc.Errorf("Mirrors", "is for signatures, and InsecureAcceptAnything wants none"))
	case !r.InsecureAcceptAnything && len(r.Keys) == 0:
		errs = append(errs, bootc.Errorf("Keys", "is empty: give the public keys, or say InsecureAcceptAnything"))
	}
	for i, k := range r.Keys {
		at := fmt.Sprintf("Keys[%d]", i)
		if _, err := parsePublic(k); err != nil {
			errs = append(errs, bootc.Errorf(at, "%w", err))
		} else if first := slices.IndexFunc(r.Keys, func(o string) bool { return sameKey(o, k) }); first < i {
			errs = append(errs, bootc.Errorf(at, "is the same key as Keys[%d]", first))
		}
	}
	return append(errs, r.Identity.validate()...)
}

func (i Identity) validate() (errs []error) {
	switch {
	case (i.Prefix == "") != (i.SignedPrefix == ""):
		errs = append(errs, bootc.Errorf("Identity", "Prefix and SignedPrefix need each other"))
	case i.Prefix != "" && i.Exact:
		errs = append(errs, bootc.Errorf("Identity.Exact", "contradicts Prefix, which compares tags anyway"))
	}
	for _, p := range []struct{ name, value string }{{"Prefix", i.Prefix}, {"SignedPrefix", i.SignedPrefix}} {
		if p.value == "" {
			continue
		}
		if err := checkScope(p.value); err != nil {
			errs = append(errs, bootc.Errorf("Identity."+p.name, "%w", err))
		} else if strings.HasPrefix(p.value, "*") {
			errs = append(errs, bootc.Errorf("Identity."+p.name, "%q: a prefix has no wildcard", p.value))
		}
	}
	return errs
}

func sameKey(a, b string) bool {
	p, err := parsePublic(a)
	if err != nil {
		return false
	}
	q, err := parsePublic(b)
	return err == nil && p.Equal(q)
}

var (
	validHost = lazyregexp.New(`^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?$|^\[[0-9a-f:.]+\](:[0-9]+)?$`)
	validPath = lazyregexp.New(`^[a-z0-9]+([._-]+[a-z0-9]+)*$`)
)

// checkScope fails for a scope that no reference would ever match: containers/image checks none, and a device with
// such a policy fails closed, or stays open, without a word.
func checkScope(s string) error {
	host, rest, deeper := strings.Cut(s, "/")
	switch {
	case s == "":
		return errors.New("is empty")
	case strings.Contains(s, "://") || strings.HasPrefix(s, "docker:"):
		return fmt.Errorf("%q: write it without a scheme or transport, as registry/namespace/repository", s)
	case strings.Contains(s, "@"):
		return fmt.Errorf("%q has a digest: a scope is a registry, namespace or repository", s)
	case strings.Contains(rest, ":"):
		return fmt.Errorf("%q has a tag: a scope is a registry, namespace or repository", s)
	case host == "index.docker.io" || host == "registry-1.docker.io":
		return fmt.Errorf("%q: policies know Docker Hub as docker.io", s)
	case !validHost.MatchString(host):
		return fmt.Errorf("%q does not begin with a registry: host, host:port or *.domain in lower case", s)
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		return fmt.Errorf("%q does not begin with a registry; on Docker Hub it would be docker.io/%s", s, s)
	case strings.HasPrefix(host, "*") && (deeper || strings.Contains(host, ":")):
		return fmt.Errorf("%q: a wildcard stands for all registries of a domain, without a port or path", s)
	}
	if deeper {
		for part := range strings.SplitSeq(rest, "/") {
			if !validPath.MatchString(part) {
				return fmt.Errorf("%q is not the name of a repository or namespace: %q", s, part)
			}
		}
	}
	return nil
}
