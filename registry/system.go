package registry

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"

	"go.podman.io/image/v5/types"
)

// System returns the Client in the form that containers/image takes, for what this package does not do itself:
// another transport, podman's libraries, buildah. It is the way out, and follows containers/image, not our
// compatibility promise.
//
// The logins are those of this moment. Beyond them the context reads nothing of the host's containers configuration:
// no registries.conf, no registries.d, no certs.d, no lookaside store, no blob cache. What it needs on disk
// (certificates, logins with mode 0600, empty configuration) is in a private directory under TempDir; the function
// that is returned removes it, and must be called once the context is no longer used. The registries.d of the context
// reads and writes sigstore signatures as attachments (the tag sha256-….sig). Mistakes in the Client's fields are
// *bootc.FieldError.
func (c Client) System() (_ *types.SystemContext, cleanup func() error, err error) {
	if _, err := c.tlsConfig(); err != nil {
		return nil, nil, err
	}
	if err := c.checkAuth(); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(c.TempDir, "bootloom-registry-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			remove()
		}
	}()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"certs", "registries.d", "registries.conf.d", "lookaside", "cache"} {
		if err := os.Mkdir(in(d), 0o700); err != nil {
			return nil, nil, err
		}
	}
	lookaside := url.URL{Scheme: "file", Path: filepath.ToSlash(in("lookaside"))}
	logins, err := c.logins(context.Background()) // asks credential stores, which is local
	if err != nil {
		return nil, nil, err
	}
	auths, err := json.Marshal(logins)
	if err != nil {
		return nil, nil, err
	}
	files := map[string][]byte{
		"auth.json":                 auths,
		"registries.conf":           nil,
		"registries.d/default.yaml": []byte("default-docker:\n  use-sigstore-attachments: true\n  lookaside: " + lookaside.String() + "\n"),
	}
	// containers/image promises to heed only the algorithms of BaseTLSConfig, so certificates go by directory;
	// DockerCertPath, unlike the per-host directory, holds for every host asked.
	if len(c.CA) > 0 {
		files["certs/ca.crt"] = c.CA
	}
	if len(c.ClientCert) > 0 {
		files["certs/client.cert"], files["certs/client.key"] = c.ClientCert, c.ClientKey
	}
	for name, b := range files {
		if err := os.WriteFile(in(name), b, 0o600); err != nil {
			return nil, nil, err
		}
	}
	sys := &types.SystemContext{
		AuthFilePath:                in("auth.json"),
		DockerCertPath:              in("certs"),
		DockerInsecureSkipTLSVerify: types.NewOptionalBool(c.InsecureSkipTLSVerify),
		SystemRegistriesConfPath:    in("registries.conf"),
		SystemRegistriesConfDirPath: in("registries.conf.d"),
		UserShortNameAliasConfPath:  in("aliases.conf"),
		RegistriesDirPath:           in("registries.d"),
		BlobInfoCacheDir:            in("cache"),
		BigFilesTemporaryDir:        c.TempDir,
	}
	return sys, remove, nil
}
