package sign

import (
	"errors"
	"slices"
)

// Why a device would not take an image. They are found with errors.Is; the policy engine's own words stay in the text.
// Every error about an image that the policy turned down is also an ErrRejected.
var (
	// ErrRejected: the policy does not accept the image.
	ErrRejected = errors.New("the policy rejects the image")
	// ErrNotSigned: a signature is needed and there is none that a device reads.
	ErrNotSigned = errors.New("the image is not signed")
	// ErrWrongKey: there is a signature, made by a key that the policy does not trust, or damaged.
	ErrWrongKey = errors.New("the signature is not by a trusted key")
	// ErrWrongIdentity: a trusted key signed this very image, but under another name.
	ErrWrongIdentity = errors.New("the signature is for another name")
	// ErrDigestMismatch: a trusted key signed, but not this image; or the manifest is not what its digest says.
	ErrDigestMismatch = errors.New("the signature is for another image")
)

var (
	// ErrNoPolicyEngine: this program was built without the policy engine that Verify runs.
	ErrNoPolicyEngine = errors.New("this program was built without the policy engine that checks signatures as a device does: " +
		"build it with -tags containers_image_openpgp (pure Go), or with -tags bootloom_system_gpgme where the gpgme headers are installed")
	// ErrPassphrase: the passphrase does not open the private key.
	ErrPassphrase = errors.New("the passphrase does not open the private key")
	// ErrKey: what was given is not a key that can be used here; the text says what it is and what to do.
	ErrKey = errors.New("unusable key")
)

// rejection is a verdict on an image with the reasons that can be told apart.
type rejection struct {
	reasons []error
	cause   error
}

func (r *rejection) Error() string {
	return r.reasons[0].Error() + ": " + r.cause.Error()
}

func (r *rejection) Unwrap() []error { return slices.Concat(r.reasons, []error{ErrRejected, r.cause}) }
