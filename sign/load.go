package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// The PEM types of encrypted private keys, as cosign's pkg/cosign/keys.go has them.
const (
	pemCosign   = "ENCRYPTED COSIGN PRIVATE KEY"
	pemSigstore = "ENCRYPTED SIGSTORE PRIVATE KEY"
)

// LoadKey reads a private key from PEM: the encrypted files of cosign generate-key-pair, skopeo generate-sigstore-key
// and Key.EncryptedPEM, or a plain PKCS#8 (PRIVATE KEY) or SEC 1 (EC PRIVATE KEY) one, for which the passphrase is
// not used. The error is an ErrPassphrase if the passphrase is wrong, else an ErrKey that says what was found.
func LoadKey(data, passphrase []byte) (*Key, error) {
	block, err := onePEM(data)
	if err != nil {
		return nil, err
	}
	var private any
	switch block.Type {
	case pemCosign, pemSigstore:
		der, err := unseal(block.Bytes, passphrase)
		if err != nil {
			return nil, err
		}
		defer clear(der)
		private, err = x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, fmt.Errorf("%w: what is in the encrypted PEM is not PKCS#8", ErrKey)
		}
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, fmt.Errorf("%w: it is encrypted the way old openssl did; convert it with openssl pkcs8 -topk8 -nocrypt, "+
				"then with cosign import-key-pair", ErrKey)
		}
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY":
		return nil, fmt.Errorf("%w: this is a public key, and signing needs the private one", ErrKey)
	case "CERTIFICATE":
		return nil, fmt.Errorf("%w: this is a certificate, and signing needs a private key", ErrKey)
	case "ENCRYPTED PRIVATE KEY":
		return nil, fmt.Errorf("%w: encrypted PKCS#8 is not read; convert it with cosign import-key-pair", ErrKey)
	case "RSA PRIVATE KEY":
		return nil, unusable("RSA")
	default:
		return nil, fmt.Errorf("%w: PEM of type %q; wanted is %q, %q, PRIVATE KEY or EC PRIVATE KEY", ErrKey, block.Type, pemSigstore, pemCosign)
	}
	if err != nil {
		// The parser's own words may quote the input.
		return nil, fmt.Errorf("%w: the %s in the PEM is damaged", ErrKey, strings.ToLower(block.Type))
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, unusable(fmt.Sprintf("%T", private))
	}
	if _, err := checkPublic(signer.Public()); err != nil {
		return nil, err
	}
	return fromPrivate(private.(*ecdsa.PrivateKey))
}

// FromCrypto makes a Key of any crypto.Signer with an ECDSA key on P-256: an HSM, a PKCS#11 token, an agent.
func FromCrypto(s crypto.Signer) (*Key, error) {
	return newKey(s.Public(), func(_ context.Context, message []byte) ([]byte, error) {
		sum := sha256.Sum256(message)
		return s.Sign(rand.Reader, sum[:], crypto.SHA256)
	})
}

// FromSigstore makes a Key of a signer of github.com/sigstore/sigstore/pkg/signature, and so of every KMS that has
// one: kms.Get returns it, and the caller imports the provider. The public key is asked for now. The signer must
// hash with SHA-256, as kms.Get(ctx, uri, crypto.SHA256) does; a signature by another hash is refused when it is made.
func FromSigstore(ctx context.Context, s signature.Signer) (*Key, error) {
	public, err := s.PublicKey(options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("ask the signer for its public key: %w", err)
	}
	return newKey(public, func(ctx context.Context, message []byte) ([]byte, error) {
		return s.SignMessage(bytes.NewReader(message), options.WithContext(ctx))
	})
}

// parsePublic reads a public key as a device gets it.
func parsePublic(text string) (*ecdsa.PublicKey, error) {
	block, err := onePEM([]byte(text))
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, fmt.Errorf("%w: this is a private key, which must never reach an image; give the public one", ErrKey)
	case block.Type == "CERTIFICATE":
		return nil, fmt.Errorf("%w: this is a certificate; extract its key with openssl x509 -pubkey -noout", ErrKey)
	case block.Type != "PUBLIC KEY":
		return nil, fmt.Errorf("%w: PEM of type %q; wanted is PUBLIC KEY", ErrKey, block.Type)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: the public key in the PEM is damaged: %w", ErrKey, err)
	}
	return checkPublic(public)
}

func publicPEM(public *ecdsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

func checkPublic(public crypto.PublicKey) (*ecdsa.PublicKey, error) {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		if p.Curve == elliptic.P256() {
			return p, nil
		}
		return nil, unusable("ECDSA " + p.Curve.Params().Name)
	case *rsa.PublicKey:
		return nil, unusable(fmt.Sprintf("RSA %d", p.N.BitLen()))
	case ed25519.PublicKey:
		return nil, unusable("Ed25519")
	}
	return nil, unusable(fmt.Sprintf("%T", public))
}

func unusable(kind string) error {
	return fmt.Errorf("%w: this is %s; only ECDSA P-256 is verified by every podman, bootc, skopeo and cosign: make such a key", ErrKey, kind)
}

// onePEM returns the only block of the data, leaving out the EC PARAMETERS that openssl ecparam puts before a key.
func onePEM(data []byte) (*pem.Block, error) {
	block, rest := pem.Decode(data)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	switch more, _ := pem.Decode(rest); {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrKey)
	case block == nil && bytes.Contains(data, []byte("-----BEGIN ")):
		return nil, fmt.Errorf("%w: the PEM is truncated or damaged", ErrKey)
	case block == nil:
		return nil, fmt.Errorf("%w: it is not PEM", ErrKey)
	case more != nil:
		return nil, fmt.Errorf("%w: there is more than one PEM block: %s, then %s", ErrKey, block.Type, more.Type)
	}
	return block, nil
}

// unseal decrypts the content of an encrypted sigstore PEM.
func unseal(sealed, passphrase []byte) ([]byte, error) {
	der, err := encrypted.Decrypt(sealed, passphrase)
	switch {
	case err == nil:
		return der, nil
	case !strings.Contains(err.Error(), "decryption failed"):
		return nil, fmt.Errorf("%w: the encrypted PEM is damaged: %w", ErrKey, err)
	case len(passphrase) == 0:
		return nil, fmt.Errorf("%w: it is encrypted, and no passphrase was given", ErrPassphrase)
	}
	return nil, ErrPassphrase
}
