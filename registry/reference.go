package registry

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// ErrInvalidReference is in the chain of every error about a reference that cannot be one.
var ErrInvalidReference = errors.New("invalid reference")

// ref is a parsed reference. At most one of tag and digest is used: a digest makes the tag a comment.
type ref struct {
	host   string // as the user writes it, docker.io included
	path   string
	tag    string
	digest digest.Digest
}

// repository is host/path.
func (r ref) repository() string { return r.host + "/" + r.path }

// target is what stands in a manifest URL.
func (r ref) target() string {
	if r.digest != "" {
		return r.digest.String()
	}
	return r.tag
}

// String names what the reference is resolved by: repository, repository:tag or repository@digest.
func (r ref) String() string {
	switch {
	case r.digest != "":
		return r.repository() + "@" + r.digest.String()
	case r.tag != "":
		return r.repository() + ":" + r.tag
	}
	return r.repository()
}

const wantReference = "want registry/repository[:tag][@sha256:…], such as quay.io/acme/edge-os:1.4.0"

// parse reads a reference that names its registry. There are no short names: an image of an operating system should
// not come from wherever a name happens to resolve.
func parse(s string) (ref, error) {
	bad := func(why string) (ref, error) {
		return ref{}, fmt.Errorf("%w %q: %s; %s", ErrInvalidReference, clip(s), why, wantReference)
	}
	if s == "" {
		return bad("it is empty")
	}
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		return bad("leave out " + clip(scheme) + "://")
	}
	host, _, ok := strings.Cut(s, "/")
	if strings.HasSuffix(host, ":") {
		return bad(clip(host) + " is a transport, not the host of a registry")
	}
	if ok && strings.Contains(host, "@") {
		return bad("logins go to Client.Credentials")
	}
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return bad("it does not begin with the host of a registry (docker.io/library/… for Docker's official images)")
	}
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return bad(strings.TrimPrefix(err.Error(), "invalid reference format: "))
	}
	r := ref{host: reference.Domain(named), path: reference.Path(named)}
	if host == "docker.io" && r.repository() != reference.TrimNamed(named).Name() {
		return bad("it has no repository")
	}
	if t, ok := named.(reference.Tagged); ok {
		r.tag = t.Tag()
	}
	if d, ok := named.(reference.Digested); ok {
		r.digest = d.Digest()
	}
	return r, nil
}

// parseImage reads a reference to an image: without tag and digest it means the tag latest.
func parseImage(s string) (ref, error) {
	r, err := parse(s)
	if err == nil && r.tag == "" && r.digest == "" {
		r.tag = "latest"
	}
	return r, err
}

// parseRepository reads a repository: neither tag nor digest.
func parseRepository(s string) (ref, error) {
	r, err := parse(s)
	if err == nil && (r.tag != "" || r.digest != "") {
		err = fmt.Errorf("%w %q: want a repository alone here, without tag and digest: %s", ErrInvalidReference, clip(s), r.repository())
	}
	return r, err
}

// checkTag finds out whether s can be a tag.
func checkTag(s string) error {
	if reference.TagRegexp.FindString(s) == s && s != "" {
		return nil
	}
	return fmt.Errorf("%w: %q cannot be a tag: want up to 128 of A-Z a-z 0-9 _ . - not beginning with . or -", ErrInvalidReference, clip(s))
}

// userinfo is a login where a URL has it, which references do not.
var userinfo = lazyregexp.New(`(^|://)[^/@]+@([^/]*/)`)

// clip keeps hostile input from flooding an error, and a login out of it.
func clip(s string) string {
	const most = 200
	s = userinfo.ReplaceAllString(s, "$1[redacted]@$2")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
