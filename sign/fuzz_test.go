//go:build containers_image_openpgp || bootloom_system_gpgme

package sign_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"

	"github.com/bootloom/bootloom/sign"
)

// What containers/image can read before us it can read after us, or we refuse.
func FuzzFiles(f *testing.F) {
	f.Add(`{"default":[{"type":"reject"}]}`, "docker: {quay.io/acme: {lookaside: 'https://a'}}")
	f.Add(`{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"quay.io":[{"type":"reject"}]},"dir":{}}}`, "default-docker:\ndocker:\n")
	f.Add(`{"default":[{"type":"reject"}],"transports":null}`, "# nothing")
	policy := acme()
	ref := must(docker.ParseReference("//quay.io/acme/os:1"))
	f.Fuzz(func(t *testing.T, policyJSON, registries string) {
		base := fstest.MapFS{
			"etc/containers/policy.json":         {Data: []byte(policyJSON)},
			"etc/containers/registries.d/x.yaml": {Data: []byte(registries)},
		}
		entries, err := policy.Files(base)
		if err != nil {
			return
		}
		reads := func() (bool, bool) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, base); err != nil {
				t.Fatal(err)
			}
			_, policyErr := signature.NewPolicyFromBytes(base["etc/containers/policy.json"].Data)
			_, registriesErr := docker.SignatureStorageBaseURL(&types.SystemContext{RegistriesDirPath: filepath.Join(dir, "etc/containers/registries.d")}, ref, false)
			return policyErr == nil, registriesErr == nil
		}
		policyBefore, registriesBefore := reads()
		for _, e := range entries {
			base[e.Path[1:]] = &fstest.MapFile{Data: must(e.Content.ReadAll()), Mode: 0o644}
		}
		if policyAfter, registriesAfter := reads(); policyBefore && !policyAfter || registriesBefore && !registriesAfter {
			t.Errorf("policy read %v, then %v; registries.d read %v, then %v", policyBefore, policyAfter, registriesBefore, registriesAfter)
		}
	})
}

func FuzzLoadKey(f *testing.F) {
	f.Add([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), []byte("pw"))
	f.Add([]byte("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\ne30=\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n"), []byte(""))
	f.Add([]byte(publicKey("one")), []byte(nil))
	f.Fuzz(func(t *testing.T, data, passphrase []byte) {
		if k, err := sign.LoadKey(data, passphrase); (k == nil) == (err == nil) {
			t.Errorf("key %v, error %v", k, err)
		}
	})
}
