package sign

import (
	"context"
	"errors"
	"fmt"

	"go.podman.io/image/v5/docker/reference"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// Keys signs with several keys at once, as needed while devices with a policy for the old key and such with one for
// the new key are about. It is a registry.Signer; Verify wants a good signature of each key.
type Keys []*Key

var _, _ registry.Signer = (*Key)(nil), Keys(nil)

// Sign writes a signature for p and, if it is an index, one for each of its instances, because podman checks the
// instance and bootc may check either. Each of names, "repository:tag" within p's repository, gets its own signature;
// without names there is one for the repository alone, which only policies with the default Identity accept.
//
// The signature is what podman, bootc, skopeo and cosign read: a "sigstore attachment" under the tag sha256-….sig.
// Signatures of others that are there stay, and one that is there already is not written again. Registries cannot
// change a tag only if it is still what was read, so Sign reads again and repeats if someone else wrote at the same
// time; Verify is what tells for sure.
func (k *Key) Sign(ctx context.Context, c registry.Client, p registry.Published, names []string) error {
	return Keys{k}.Sign(ctx, c, p, names)
}

// Verify fails unless a device that trusts k, and only k, would accept p under each of names by its exact tag, or
// without names by its repository. It asks for p by digest, so that it can be asked before the tags are set. The
// errors are those of DevicePolicy.Verify.
func (k *Key) Verify(ctx context.Context, c registry.Client, p registry.Published, names []string) error {
	return Keys{k}.Verify(ctx, c, p, names)
}

// Check fails with ErrNoPolicyEngine if Verify will: ask before anything is pushed.
func (k *Key) Check() error { return checkEngine() }

// Sign signs as Key.Sign does, with all keys.
func (k Keys) Sign(ctx context.Context, c registry.Client, p registry.Published, names []string) error {
	err := k.check(p, names)
	if err == nil {
		err = k.attach(ctx, c, p, names)
	}
	if err != nil {
		return &bootc.OpError{Op: "sign", Ref: p.Reference(), Err: err}
	}
	return nil
}

// Verify verifies as Key.Verify does, for each key.
func (k Keys) Verify(ctx context.Context, c registry.Client, p registry.Published, names []string) error {
	err := k.check(p, names)
	for _, key := range k {
		if err != nil {
			break
		}
		err = verify(ctx, c, p.Reference(), key.policies(p, names)...)
	}
	if err != nil {
		return &bootc.OpError{Op: "verify", Ref: p.Reference(), Err: err}
	}
	return nil
}

// Check is Key.Check.
func (k Keys) Check() error { return checkEngine() }

// policies are those of devices that trust the key and want one of the names each.
func (k *Key) policies(p registry.Published, names []string) []DevicePolicy {
	identities := []Identity{{}}
	if len(names) > 0 {
		identities = nil
	}
	for _, name := range names {
		identities = append(identities, Identity{reference: name})
	}
	var out []DevicePolicy
	for _, i := range identities {
		out = append(out, DevicePolicy{Rules: []Rule{{Name: "key", Scopes: []string{p.Repository}, Keys: []string{k.Public()}, Identity: i}}, RejectByDefault: true})
	}
	return out
}

func (k Keys) check(p registry.Published, names []string) error {
	if len(k) == 0 {
		return errors.New("no key to sign with")
	}
	if err := p.Digest.Validate(); err != nil {
		return err
	}
	for _, name := range names {
		named, err := reference.ParseNamed(name)
		if err != nil {
			return fmt.Errorf("name %q: %w", name, err)
		}
		if _, ok := named.(reference.NamedTagged); !ok || named.Name() != p.Repository {
			return fmt.Errorf("name %q is not %s:TAG", name, p.Repository)
		}
	}
	return nil
}
