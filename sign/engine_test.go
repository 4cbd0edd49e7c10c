//go:build containers_image_openpgp || bootloom_system_gpgme

package sign_test

import (
	"testing"

	"go.podman.io/image/v5/signature"
)

func init() {
	parsePolicy = func(t *testing.T, b []byte) {
		t.Helper()
		if _, err := signature.NewPolicyFromBytes(b); err != nil {
			t.Errorf("containers/image does not take the policy: %v", err)
		}
	}
}
