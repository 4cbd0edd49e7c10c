package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// Key is a signing key: ECDSA on P-256 with SHA-256, the one scheme that cosign's signature specification requires
// of every implementation and that podman, bootc, skopeo and cosign all verify. The private half is in memory
// (Generate, LoadKey) or elsewhere (FromCrypto, FromSigstore); it never prints, logs or marshals.
//
// A *Key is a registry.Signer, and may be used by several goroutines at once.
type Key struct {
	sign    func(ctx context.Context, message []byte) ([]byte, error)
	private *ecdsa.PrivateKey // nil if the private half is not in this process
	public  *ecdsa.PublicKey
	pem     string
}

// Generate makes a new key from the system's randomness.
func Generate() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return fromPrivate(private)
}

// Public returns the public key as a device needs it: PEM, type PUBLIC KEY, PKIX.
func (k *Key) Public() string { return k.pem }

// EncryptedPEM returns the private key in the format of cosign generate-key-pair and skopeo generate-sigstore-key
// (PEM, type ENCRYPTED COSIGN PRIVATE KEY: scrypt, then NaCl secretbox, over PKCS#8), which LoadKey, cosign, skopeo
// and podman read. The type is cosign's older one because versions of cosign and podman before 2023 know no other.
// It fails if the passphrase is empty, and for keys whose private half is elsewhere.
func (k *Key) EncryptedPEM(passphrase []byte) ([]byte, error) {
	if k.private == nil {
		return nil, fmt.Errorf("%w: its private half is not in this process", ErrKey)
	}
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("%w: the passphrase is empty", ErrPassphrase)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, err
	}
	sealed, err := encrypted.Encrypt(der, passphrase)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemCosign, Bytes: sealed}), nil
}

func fromPrivate(private *ecdsa.PrivateKey) (*Key, error) {
	k, err := FromCrypto(private)
	if err != nil {
		return nil, err
	}
	k.private = private
	return k, nil
}

// newKey makes a Key of a signing function that returns ASN.1 signatures over the SHA-256 of the message.
func newKey(public crypto.PublicKey, sign func(context.Context, []byte) ([]byte, error)) (*Key, error) {
	p256, err := checkPublic(public)
	if err != nil {
		return nil, err
	}
	text, err := publicPEM(p256)
	if err != nil {
		return nil, err
	}
	return &Key{sign: sign, public: p256, pem: text}, nil
}

// signature signs the message and checks the result, because a signer elsewhere may use another hash or another
// encoding, and a signature that nobody can verify must not reach a registry.
func (k *Key) signature(ctx context.Context, message []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sig, err := k.sign(ctx, message)
	if err != nil {
		return nil, err
	}
	if !k.verifies(message, sig) {
		return nil, errors.New("what the signer returned is no signature by its own public key: " +
			"it has to be ASN.1 (DER), over the SHA-256 of the message")
	}
	return sig, nil
}

func (k *Key) verifies(message, sig []byte) bool {
	sum := sha256.Sum256(message)
	return ecdsa.VerifyASN1(k.public, sum[:], sig)
}

const redacted = "sign.Key[redacted]"

// Format prints sign.Key[redacted] for every verb.
func (Key) Format(w fmt.State, _ rune) { io.WriteString(w, redacted) }

// LogValue logs sign.Key[redacted].
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes sign.Key[redacted], also as JSON.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
