package bootc

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// authFile is auth.json as containers-auth.json(5) has it, and Docker's config.json.
type authFile struct {
	Auths       map[string]authEntry `json:"auths"`
	CredHelpers map[string]string    `json:"credHelpers"`

	Kind string          `json:"kind"` // of a Kubernetes Secret
	Data json.RawMessage `json:"data"`
}

type authEntry struct {
	Auth          string `json:"auth"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
	Username      string `json:"username"`
	Password      string `json:"password"`
}

// checkAuthFile looks at the value of a pull secret. Its errors go after "the value of secret …", and quote none of it.
func checkAuthFile(value []byte) error {
	var f authFile
	if err := json.Unmarshal(value, &f); err != nil {
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			return fmt.Errorf("is not JSON (byte %d): the text of an auth.json is wanted, as podman login writes it", e.Offset)
		}
		return errors.New(`is not an auth.json, an object such as {"auths": {"registry.example": {"auth": "…"}}}`)
	}
	if strings.TrimSpace(string(value)) == "{}" {
		return nil // what bootc wants beside a credential helper of registries.conf
	}
	if f.Kind == "Secret" || f.Data != nil {
		return errors.New(`is a Kubernetes Secret: the auth.json is what .data[".dockerconfigjson"] of it decodes to`)
	}
	if len(f.Auths) == 0 {
		return errors.New("has no auths: it would log in nowhere")
	}
	var errs []error
	for n, host := range sortedKeys(f.Auths) {
		if err := f.Auths[host].check(); err != nil {
			errs = append(errs, fmt.Errorf("has a mistake in number %d of its auths: %w", n+1, err))
		}
	}
	if len(f.CredHelpers) > 0 {
		errs = append(errs, errors.New("has credHelpers, programs of the machine that it was made on: only logins with auth work elsewhere"))
	}
	return join(errs)
}

func (e authEntry) check() error {
	if e == (authEntry{}) {
		return errors.New("it is empty: the login is kept by a program of the machine that the file was made on")
	}
	if e.Auth == "" {
		if e.IdentityToken == "" && e.RegistryToken == "" {
			return errors.New("it has no auth, which is what podman reads")
		}
		return nil
	}
	pair, err := base64.StdEncoding.DecodeString(e.Auth)
	if err != nil || !strings.Contains(string(pair), ":") {
		return errors.New("its auth is not base64 of user:password")
	}
	return nil
}
