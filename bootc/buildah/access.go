//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"

	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"

	"github.com/bootloom/bootloom/registry"
)

// accessOf reads what c needs, so that it can be handed to a worker, which cannot see the user's logins.
func accessOf(c registry.Client) (_ access, err error) {
	sys, cleanup, err := c.System()
	if err != nil {
		return access{}, err
	}
	defer cleanup()
	a := access{Insecure: c.InsecureSkipTLSVerify, Certs: map[string][]byte{}, Retries: 3}
	if n := c.Retry.Attempts; n > 0 {
		a.Retries = n - 1
	}
	if a.Auth, err = logins(sys); err != nil {
		return access{}, err
	}
	certs, err := os.ReadDir(sys.DockerCertPath)
	if err != nil {
		return access{}, err
	}
	for _, e := range certs {
		if a.Certs[e.Name()], err = os.ReadFile(filepath.Join(sys.DockerCertPath, e.Name())); err != nil {
			return access{}, err
		}
	}
	return a, nil
}

// logins is an auth.json with every login that sys leads to.
func logins(sys *types.SystemContext) ([]byte, error) {
	found, err := config.GetAllCredentials(sys)
	if err != nil {
		return nil, err
	}
	type entry struct {
		Auth          string `json:"auth,omitempty"`
		IdentityToken string `json:"identitytoken,omitempty"`
	}
	auths := map[string]entry{}
	for key, login := range found {
		user := login.Username
		if user == "" {
			user = "token" // the reader wants a pair beside an identity token
		}
		auths[key] = entry{base64.StdEncoding.EncodeToString([]byte(user + ":" + login.Password)), login.IdentityToken}
	}
	return json.Marshal(map[string]any{"auths": auths})
}
