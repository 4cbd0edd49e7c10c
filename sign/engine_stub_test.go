//go:build !containers_image_openpgp && !bootloom_system_gpgme

package sign_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

// A program without the policy engine hears which tag it lacks, before anything goes over the network.
func TestNoPolicyEngine(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	key := must(sign.Generate())
	p := f.published("acme/os", f.image("acme/os", "1", "os"))
	f.Reset()
	for name, err := range map[string]error{
		"Key.Check":           key.Check(),
		"Keys.Check":          sign.Keys{key}.Check(),
		"Key.Verify":          key.Verify(t.Context(), f.registryClient(), p, nil),
		"DevicePolicy.Verify": acme().Verify(t.Context(), f.registryClient(), p.Reference()),
		"Publish": func() error {
			_, err := f.registryClient().Publish(t.Context(), bootc.Image{Digest: p.Digest}, f.Host+"/acme/new", registry.PublishOptions{Tags: []string{"1"}, Signer: key})
			return err
		}(),
	} {
		if !errors.Is(err, sign.ErrNoPolicyEngine) || !strings.Contains(err.Error(), "-tags containers_image_openpgp") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(f.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}
