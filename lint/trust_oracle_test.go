//go:build containers_image_openpgp || bootloom_system_gpgme

package lint

import (
	"slices"
	"strings"
	"testing"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/signature"
)

// TestTrustPolicyOracle has the library of podman, skopeo and bootc say which policies it reads.
func TestTrustPolicyOracle(t *testing.T) {
	for _, text := range policyTexts {
		_, ours := parseTrustPolicy([]byte(text))
		_, theirs := signature.NewPolicyFromBytes([]byte(text))
		if (ours == nil) != (theirs == nil) {
			t.Errorf("%s: we say %v, the library %v", text, ours, theirs)
		}
	}
}

// TestScopesOracle has it say in which scopes an image is.
func TestScopesOracle(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	for _, name := range []string{"quay.io/acme/edge-os:1.4", "quay.io/acme/edge-os@" + digest, "registry.acme.example:5000/a/b/c:x", "localhost/os:1", "localhost:5000/os:1"} {
		ref, err := docker.ParseReference("//" + name)
		if err != nil {
			t.Fatal(err)
		}
		want := append([]string{ref.PolicyConfigurationIdentity()}, ref.PolicyConfigurationNamespaces()...)
		if got := scopesOf(name); !slices.Equal(got, want) {
			t.Errorf("%s: we say %q, the library %q", name, got, want)
		}
	}
}
