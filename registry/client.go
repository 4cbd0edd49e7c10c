package registry

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// Client says how to reach registries: credentials, trust, retries. It is a plain value; the zero value uses the
// logins of podman and docker that it finds for the current user, the system's CA certificates and the default retries.
// Each call stands for itself, so one Client may be used by many goroutines at once.
type Client struct {
	// AuthFile is a containers auth.json or docker config.json. Empty for the logins of podman and docker. A credential
	// helper that such a file names is run for the hosts that the file names it for.
	AuthFile string
	// Credentials by registry host, "host[:port]", or by "host[:port]/namespace"; the longest match wins, and wins over AuthFile.
	Credentials map[string]Credential
	// Anonymous uses no credentials but those in Credentials, whatever logins the current user has.
	Anonymous bool
	// CA holds PEM certificates that are trusted beside the system's.
	CA []byte
	// ClientCert and ClientKey are the PEM certificate and key shown to registries that ask for one.
	ClientCert, ClientKey []byte
	// InsecureSkipTLSVerify accepts any certificate, and plain HTTP, from every registry.
	InsecureSkipTLSVerify bool
	// Retry says when a failed transfer is tried again.
	Retry Retry
	// TempDir holds what must be on disk for the time of a call; empty for os.TempDir().
	TempDir string
	// OnEvent is told what happens, serially within one call of a method; nil is silence. A slow one slows the transfer.
	OnEvent func(bootc.Event) `json:"-"`

	wire *wire // of Keep
}

// Credential is a login. It prints, logs and marshals as [redacted].
type Credential struct {
	Username, Password string
	// IdentityToken is an OAuth2 refresh token, used instead of a password.
	IdentityToken string
}

// Format prints [redacted] for every verb.
func (Credential) Format(w fmt.State, _ rune) { io.WriteString(w, "[redacted]") }

// LogValue logs [redacted].
func (Credential) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalJSON writes "[redacted]".
func (Credential) MarshalJSON() ([]byte, error) { return []byte(`"[redacted]"`), nil }

// Retry says how often and how long.
type Retry struct {
	// Attempts in all; 0 for the default of 4, 1 for no retry.
	Attempts int
	// Delay before the second attempt; it doubles with each further one, up to a minute. 0 for the default of one
	// second. A registry that names a time to wait (Retry-After) gets it, up to a minute.
	Delay time.Duration
}
