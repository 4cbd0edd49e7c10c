package flightctl

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// PEM are certificates, one or more -----BEGIN CERTIFICATE----- blocks. The agent's YAML has it as base64 of that text.
type PEM string

// PrivateKey is the PEM text of a private key. It prints, logs and marshals as [redacted]; Reveal and Config.YAML give
// it away. The zero value is no key.
type PrivateKey struct {
	// a pointer, so that fmt shows an address where it cannot call Format: in unexported fields
	pem *string
}

// KeyFromPEM makes a PrivateKey of its PEM text. Config.Validate checks it.
func KeyFromPEM(pem []byte) PrivateKey {
	if len(pem) == 0 {
		return PrivateKey{}
	}
	return PrivateKey{new(string(pem))}
}

// Reveal returns the PEM text.
func (k PrivateKey) Reveal() []byte {
	if k.pem == nil {
		return nil
	}
	return []byte(*k.pem)
}

// IsZero tells whether there is no key.
func (k PrivateKey) IsZero() bool { return k.pem == nil }

const redacted = "[redacted]"

// String returns "[redacted]", or nothing for no key.
func (k PrivateKey) String() string {
	if k.IsZero() {
		return ""
	}
	return redacted
}

// Format prints String, whatever the verb.
func (k PrivateKey) Format(w fmt.State, _ rune) { _, _ = io.Copy(w, strings.NewReader(k.String())) }

// LogValue logs String.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText writes String.
func (k PrivateKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
