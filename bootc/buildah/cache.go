package buildah

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/bootloom/bootloom/bootc"
)

// Cache is a repository in a registry where engines of several machines keep what they have built: what one has run, no other
// runs. Before a build an engine asks there for all that decides what the build comes to, and after it puts there what it
// has made: manifest, config and new layers; those of the base stay where they are. Of a plan whose last steps only add
// files the cache has what comes before them, so a changed file runs nothing on a new machine either.
//
// The cache answers where the engine's own memory would (Engine.Build), but not with the pull policy PullNever. What is built
// with secrets is neither asked for nor put there. A hit is an event of the kind EventDone with the Op "cache" and Cached
// set, and all steps are Cached. A cache that cannot be used (the registry does not answer, denies, or has an entry that is
// not what was asked for) is an event of the kind EventWarning, and the build runs; of a wrong entry the result takes the
// place.
//
// Whoever can write to the repository decides what is in images that are built with it, as if they ran their steps: the
// manifest, the layers of the base, the digests and the annotations of an entry are checked, what a step put into a layer
// cannot be. Give that right to machines that may publish images. For a hit the base is not pulled, and Options.Policy not
// asked about it: it is part of what decides a build, so who made the entry has asked the same policy. The rules of
// Options.Lint still read the layers of the base, from where it is and once for each Lint.Cache, unless NoDirect is set.
//
// Entries stay until the registry removes them. Any may be deleted at any time.
type Cache struct {
	// Repository is registry/path, without a tag; empty for no cache. Options.Registry has the login. It is best one of its
	// own, as each entry has a tag.
	Repository string
	// ReadOnly takes from the cache and puts nothing there: for builds of what nobody has reviewed, with a login that cannot
	// write.
	ReadOnly bool
	// Key is a secret that machines share. With it an entry counts only if who made it had the key, whoever else can write to
	// the repository.
	Key bootc.SecretValue
}

// check reads the key, and says what is wrong.
func (c Cache) check() (key []byte, err error) {
	var errs []error
	field := func(name string, err error) {
		if err != nil {
			errs = append(errs, bootc.Errorf("Options.Cache."+name, "%w", err))
		}
	}
	if c.Repository != "" {
		field("Repository", checkRepository(c.Repository))
	} else if c.ReadOnly || !c.Key.IsZero() {
		field("Repository", errors.New("is empty, though there are other settings of a cache"))
	}
	if !c.Key.IsZero() {
		key, err = c.Key.Resolve()
		if err == nil && len(key) < minKey {
			err = fmt.Errorf("has %d bytes: want a random secret of at least %d", len(key), minKey)
		}
		field("Key", err)
	}
	return key, errors.Join(errs...)
}

// minKey is what nobody guesses.
const minKey = 16

func checkRepository(name string) error {
	r, err := reference.Parse(name)
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	n, ok := r.(reference.Named)
	if !ok || !reference.IsNameOnly(n) {
		return fmt.Errorf("%q is not a repository: want registry/path without tag or digest", name)
	}
	if host := reference.Domain(n); !strings.ContainsAny(host, ".:") && host != "localhost" {
		return fmt.Errorf("%q does not name its registry: write it in full, such as quay.io/%s", name, name)
	}
	return nil
}
