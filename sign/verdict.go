//go:build containers_image_openpgp || bootloom_system_gpgme

package sign

import "strings"

// verdicts maps what the policy engine writes to what callers ask for. containers/image has no types for these, so
// its words are all there is; TestTamper holds them against the engine. With several signatures the engine lists
// its reasons in one text, and the order here puts the one nearest to acceptance first.
var verdicts = []struct {
	words  string
	reason error
}{
	{"Signature for identity", ErrWrongIdentity},
	{"Signature for digest", ErrDigestMismatch},
	{"Manifest does not match provided manifest digest", ErrDigestMismatch},
	{"cryptographic signature verification failed", ErrWrongKey},
	{"base64 decoding", ErrWrongKey},
	{"A signature was required, but no signature exists", ErrNotSigned},
	{"No signature verification policy found", ErrNotSigned},
}

// classify turns a rejection by the policy engine into a *rejection. rejected says that the engine itself called it
// one; other errors (a network that is down) are returned as they are unless their words are a verdict.
func classify(err error, rejected bool) error {
	var reasons []error
	for _, v := range verdicts {
		if strings.Contains(err.Error(), v.words) {
			reasons = append(reasons, v.reason)
		}
	}
	switch {
	case len(reasons) > 0:
		return &rejection{reasons, err}
	case rejected:
		return &rejection{[]error{ErrRejected}, err}
	}
	return err
}
